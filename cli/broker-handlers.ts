import type { Logger } from 'pino'
import { type CommandDesk, type FixResult, Hourly, type Ingest, keepSaying } from '../bridge/index.ts'
import type { Handlers, Inbound, PhoneSaying, Refusal } from '../broker/index.ts'
import { type ChannelName, type ErrorCode, TrackwireError } from '../contract/index.ts'

const WEEK_MS = 7 * 86_400_000

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

  return {
    deviceSession: session => ingest.deviceSession(session),
    identityClash: clash => {
      ingest.identityClash(clash).catch(error => logger.warn({ err: error, clash }, 'an identity clash was not stored'))
    },
    phone: ({ org, deviceId, content, principal }: PhoneSaying) => {
      const registers = principal.role === 'device' && principal.sub === deviceId
      return keepSaying(ingest, { org, deviceId, content, registers })
    },
    location: (message, mayThin) => {
      const fixes = [message.payload]
      const storing = ingest.fixes({ fixes, hasShape: true, forward: 'repaired', mayThin, ...origin(message) })
      return storing.then(([result]) => {
        if (result?.status === 'refused') throw new TrackwireError(result.code as ErrorCode, result.message)
        if (result?.status === 'set-aside') return [{ code: result.code, message: result.message }]
        if (result?.status === 'repeated') return 'swallow'
        if (result?.status !== 'stored' || result.repaired === undefined) return []
        const notices = repairNotices(message, [result])
        return notices.length > 0 ? notices.map(({ code, message }) => ({ code, message })) : 'swallow'
      })
    },
    mayForwardUnstored: message => {
      const { org, deviceId } = message.params
      return (
        ingest.isAdmitted({ org: org!, deviceId: deviceId!, registers: isOfItself(message) }) &&
        ingest.trustsClock(org!, deviceId!, message.payload.timestamp)
      )
    },
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

/** Spread it last: objects that gain keys after a spread share no shape, and reading such batches is slow (decision 0019). */
function origin(message: Inbound<ChannelName>) {
  const { params, principal, receivedAt, address, bytes } = message
  return {
    org: params.org!,
    deviceId: params.deviceId!,
    receivedAt,
    bytes,
    registers: isOfItself(message),
    from: { sub: principal.sub, role: principal.role, address },
  }
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
