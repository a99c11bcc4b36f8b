import type { Logger } from 'pino'
import {
  type CommandDesk,
  type FixResult,
  Hourly,
  type Ingest,
  keepSaying,
  type MessageOrigin,
  type SentFix,
} from '../bridge/index.ts'
import type { Handlers, Inbound, PhoneSaying, Refusal, Said } from '../broker/index.ts'
import { type ChannelName, TrackwireError } from '../contract/index.ts'

const WEEK_MS = 7 * 86_400_000
const NOTHING: readonly Refusal[] = []

/** Connects the channels that devices and people publish to with the ingest pipeline and the desk of commands. */
export function brokerHandlers(ingest: Ingest, commands: CommandDesk, logger: Logger): Handlers {
  const repairs = new Hourly()

  /** A device whose receiver lost its week count is told so once an hour, not with each fix. What a person set needs no telling. */
  function repairNotices({ params }: Inbound<'location' | 'locationBatch'>, results: readonly FixResult[]): Refusal[] {
    for (const [index, result] of results.entries()) {
      if (result.status !== 'stored' || result.repaired?.repair !== 'week-rollover') continue
      if (!repairs.take(`${params.org}/${params.deviceId}`)) return []
      const { received, timestamp } = result.repaired
      const weeks = Math.round(Math.abs(timestamp - received) / WEEK_MS)
      const message = `the time was ${weeks} weeks off, a lost GPS week count; stored as ${new Date(timestamp).toISOString()}`
      return [{ code: 'timestamp_repaired', message, index }]
    }
    return []
  }

  function saidOf(message: Inbound<'location'>, outcome: FixResult | Error): Said {
    if (outcome instanceof Error) return outcome
    switch (outcome.status) {
      case 'refused':
        return new TrackwireError(outcome.code, outcome.message)
      case 'set-aside':
        return [{ code: outcome.code, message: outcome.message }]
      case 'stored': {
        if (outcome.repaired === undefined) return NOTHING
        const notices = repairNotices(message, [outcome]).map(({ code, message }) => ({ code, message }))
        return notices.length > 0 ? notices : 'swallow'
      }
      default:
        return 'swallow'
    }
  }

  return {
    deviceSession: session => ingest.deviceSession(session),
    identityClash: clash => {
      ingest.identityClash(clash).catch(error => logger.warn({ err: error, clash }, 'an identity clash was not stored'))
    },
    phone: ({ org, deviceId, content, principal }: PhoneSaying) => {
      const registers = principal.role === 'device' && principal.sub === deviceId
      return keepSaying(ingest, { org, deviceId, content, registers })
    },
    location: (message, answer) => ingest.awaited(new FixOfMessage(message, answer, saidOf)),
    unawaitedLocation: (message, tell) => ingest.unawaited(new FixOfMessage(message, tell, saidOf)),
    locationBatch: async message => {
      const results = await ingest.fixes({ fixes: message.payload, ...origin(message) })
      return [...results.flatMap(refusalOf), ...repairNotices(message, results)]
    },
    sos: async message => {
      const { amended } = await ingest.sos({
        ...origin(message),
        request: message.payload,
        principal: message.principal.sub,
      })
      return amended.map(sentence => ({ code: 'sos_amended', message: `the SOS stands; ${sentence}` }))
    },
    sosAnswer: async ({ params, payload, principal, receivedAt }) => {
      await ingest.answerSos({
        org: params.org!,
        alertId: params.alertId!,
        action: params.action as 'acknowledge' | 'resolve',
        by: payload.by ?? principal.sub,
        ...(payload.note === undefined ? {} : { note: payload.note }),
        ...(payload.outcome === undefined ? {} : { outcome: payload.outcome }),
        principal: principal.sub,
        receivedAt,
      })
      return []
    },
    command: async ({ params, payload, principal, address }) => {
      const request = { ...payload, id: params.commandId! }
      await commands.create({ org: params.org!, deviceId: params.deviceId!, request, by: principal.sub, address })
      return []
    },
    commandResult: async ({ params, payload }) => {
      const { org, deviceId, commandId } = params
      await commands.result(payload, { org: org!, deviceId: deviceId!, commandId: commandId! })
      return []
    },
    commandsAwaited: device => commands.contact(device),
    commandDelivered: command => {
      commands
        .heard({ ...command, outcome: 'delivered' })
        .catch(error => logger.warn({ err: error, ...command }, 'the delivery of a command was not stored'))
    },
  }
}

type SaidOf = (message: Inbound<'location'>, outcome: FixResult | Error) => Said

/** What ingest asks of a fix, read from its message: there are so many of them that nothing else is made of each. */
class FixOfMessage implements SentFix {
  readonly #message: Inbound<'location'>
  readonly #tell: (said: Said) => void
  readonly #saidOf: SaidOf

  constructor(message: Inbound<'location'>, tell: (said: Said) => void, saidOf: SaidOf) {
    this.#message = message
    this.#tell = tell
    this.#saidOf = saidOf
  }

  get org() {
    return this.#message.params.org!
  }

  get deviceId() {
    return this.#message.params.deviceId!
  }

  get fix() {
    return this.#message.payload
  }

  get receivedAt() {
    return this.#message.receivedAt
  }

  get registers() {
    return isOfItself(this.#message)
  }

  get bytes() {
    return this.#message.bytes
  }

  get from() {
    return senderOf(this.#message)
  }

  told(outcome: FixResult | Error): void {
    this.#tell(this.#saidOf(this.#message, outcome))
  }
}

/** Spread it last: objects that gain keys after a spread share no shape, and reading such batches is slow (decision 0019). */
function origin(message: Inbound<ChannelName>) {
  const { params, receivedAt, bytes } = message
  return {
    org: params.org!,
    deviceId: params.deviceId!,
    receivedAt,
    bytes,
    registers: isOfItself(message),
    from: senderOf(message),
  }
}

function senderOf({ principal, address }: Inbound<ChannelName>): MessageOrigin {
  return { sub: principal.sub, role: principal.role, address }
}

/** A valid device token registers its own device on first use; other devices exist by registration. */
function isOfItself({ params, principal }: Inbound<ChannelName>): boolean {
  return principal.role === 'device' && principal.sub === params.deviceId
}

function refusalOf(result: FixResult, index: number): Refusal[] {
  return result.status === 'refused' || result.status === 'set-aside'
    ? [{ code: result.code, message: result.message, index }]
    : []
}
