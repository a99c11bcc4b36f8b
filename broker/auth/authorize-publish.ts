import type { AedesOptions, PublishPacket } from 'aedes'
import type { Logger } from 'pino'
import {
  buildTopic,
  CHANNELS,
  type Channel,
  type ChannelName,
  checkPayloadSize,
  type Decision,
  type DeviceStatus,
  decideTopic,
  decodePayload,
  ERRORS,
  isOwnTracks,
  type ParsedTopic,
  type PayloadOf,
  TrackwireError,
} from '../../contract/index.ts'
import type { Connection, Connections } from '../connections.ts'
import { skippedOf } from '../guard/guard-packets.ts'
import { PlainLocationReader } from '../guard/plain-location.ts'
import type { Handlers, Inbound, Refusal } from '../handlers.ts'
import type { IdentityClashes } from '../identity-clash.ts'
import type { PublishLimits } from '../limits/publish-limits.ts'
import type { BrokerMetrics } from '../metrics.ts'
import type { Tell } from '../notices.ts'
import { type OwnTracksSecret, type PhoneContent, type Translation, translateOwnTracks } from '../owntracks.ts'
import { swallow } from '../trackwire-aedes.ts'
import { type Answer, type Judge, type Judged, type Later, Passage, type Verdict } from './passage.ts'
import type { ParsedTopics } from './reader.ts'
import { type Sender, senderOf } from './sender.ts'

type Done = (error?: Error | null) => void
type About = Pick<PublishPacket, 'topic'>

/** Both ways in: Aedes' hook, which wills come by too, and that of a connection whose packets do not pass through Aedes. */
export interface Publishing {
  readonly byAedes: NonNullable<AedesOptions['authorizePublish']>
  of(connection: Connection, packet: PublishPacket, next: Judged): void
}

export interface PublishPath {
  readonly connections: Connections
  readonly clashes: IdentityClashes
  readonly handlers: Handlers
  readonly limits: PublishLimits
  readonly topics: ParsedTopics
  readonly renewToken: (connection: Connection, token: string) => Promise<void>
  readonly tell: Tell
  readonly metrics: BrokerMetrics
  readonly logger: Logger
  readonly now: () => number
  /** Encrypted messages of OwnTracks are refused without it. */
  readonly ownTracks: OwnTracksSecret | undefined
}

/** A connection whose forbidden publishes repeat this often within a minute is closed; the first ones are dropped and told. */
const FORBIDDEN_PER_MINUTE = 100

/**
 * What happens to a PUBLISH before it is acknowledged: rights, schema, the durable step. Aedes sends PUBACK before it
 * stores or routes, so this hook is the only place to wait for a commit; its callback comes after it.
 *
 * A message that can never be accepted is acknowledged, told and dropped, so that a device does not resend it for ever.
 * One that could not be stored is not acknowledged: the connection ends and the device sends it again.
 */
export function authorizePublish(path: PublishPath): Publishing {
  const plainLocations = new PlainLocationReader()

  /** Steps of every message, in order. */
  function judge(
    sender: Sender,
    packet: PublishPacket,
    parsed: ParsedTopic | null,
    receivedAt: number,
    later: Later,
  ): Answer {
    if (parsed === null) throw new TrackwireError('topic_unknown', `no channel has the topic ${packet.topic}`)
    path.metrics.received(parsed.channel)
    const decision = decide(sender, packet, parsed)
    if (!decision.allowed) throw new TrackwireError('publish_forbidden', `not allowed: ${decision.reason}`)
    checkPayloadSize(skippedOf(packet))
    const payload = payloadOf(parsed, packet)
    const message = {
      topic: packet.topic,
      params: parsed.params,
      payload,
      principal: sender.principal,
      receivedAt,
      address: sender.connection?.address,
      bytes: packet.payload.length,
    }
    // DUP is between the sender and us. [MQTT-3.3.1-3]
    packet.dup = false
    // Whether a topic is retained is the table's to say, never the client's.
    packet.retain = (CHANNELS[parsed.channel] as Channel).retain
    const answer = work(sender, packet, parsed, message, later)
    if (sender.connection !== null && !sender.isWill) path.clashes.published(sender.connection)
    return answer
  }

  function payloadOf({ channel, params }: ParsedTopic, { payload }: PublishPacket): PayloadOf<ChannelName> {
    if (typeof payload === 'string') return decodePayload(channel, Buffer.from(payload))
    const fix = channel === 'location' ? plainLocations.read(payload, params.deviceId!) : undefined
    return fix ?? decodePayload(channel, payload)
  }

  function work(
    sender: Sender,
    packet: PublishPacket,
    { channel }: ParsedTopic,
    message: Inbound<ChannelName>,
    later: Later,
  ): Answer {
    switch (channel) {
      case 'location':
        return location(sender, packet, message as Inbound<'location'>, later)
      case 'locationBatch':
        return stored(sender, path.handlers.locationBatch(message as Inbound<'locationBatch'>), packet)
      case 'sos':
        return stored(sender, path.handlers.sos(message as Inbound<'sos'>), packet)
      case 'sosAnswer':
        return stored(sender, path.handlers.sosAnswer(message as Inbound<'sosAnswer'>), packet)
      case 'command':
        return stored(sender, path.handlers.command(message as Inbound<'command'>), packet)
      case 'commandResult':
        return stored(sender, path.handlers.commandResult(message as Inbound<'commandResult'>), packet, 'forward')
      case 'status':
        return status(sender, packet, message as Inbound<'status'>)
      case 'homeAssistantStatus':
        return 'forward'
      case 'authToken':
        return renew(sender, message as Inbound<'authToken'>)
      default:
        throw new TrackwireError('publish_forbidden', 'only the platform publishes here')
    }
  }

  function location(sender: Sender, packet: PublishPacket, message: Inbound<'location'>, later: Later): Answer {
    const { handlers } = path
    const verdict = packet.qos === 0 ? unawaitedLocation(sender, packet.topic, message) : undefined
    if (verdict !== undefined) return verdict
    handlers.location(message, said => {
      if (said instanceof Error) later.fail(said)
      else later.settle(verdictOf(sender, packet, said, 'forward'))
    })
    return 'later'
  }

  /** Fixes may wait long: what is kept of each for it holds no bytes of the chunk that it came in. */
  function unawaitedLocation(sender: Sender, topic: string, message: Inbound<'location'>): Verdict | undefined {
    return path.handlers.unawaitedLocation(message, said => {
      if (said instanceof Error) refuse(sender, { topic }, said)
      else verdictOf(sender, { topic }, said)
    })
  }

  function stored(
    sender: Sender,
    work: Promise<readonly Refusal[]>,
    packet: PublishPacket,
    accepted: Verdict = 'swallow',
  ): Promise<Verdict> {
    return work.then(refusals => verdictOf(sender, packet, refusals, accepted))
  }

  /** Tells the sender what there is to say. */
  function verdictOf(
    { principal }: Sender,
    { topic }: About,
    said: readonly Refusal[] | 'swallow',
    accepted: Verdict = 'swallow',
  ): Verdict {
    if (said === 'swallow') return 'swallow'
    for (const refusal of said) path.tell(principal, { ...refusal, topic })
    return said.length === 0 ? accepted : 'swallow'
  }

  function status(sender: Sender, packet: PublishPacket, message: Inbound<'status'>): Verdict {
    if (sender.isWill) {
      // The device is back already on another connection: its old will must not say it is gone.
      const replaced =
        sender.connection === null
          ? path.connections.ofPrincipal(sender.principal).size > 0
          : path.connections.hasOther(sender.connection)
      if (replaced) return 'swallow'
      if (sender.connection !== null) sender.connection.willSpoke = true
    }
    // What it said itself goes on as it came.
    if (message.payload.since !== undefined) return 'forward'
    // The new key first: after the spread it would give each object a shape of its own, which costs more than the rest.
    const status: DeviceStatus = { since: message.receivedAt, ...message.payload }
    packet.payload = Buffer.from(JSON.stringify(status))
    return 'forward'
  }

  async function renew(sender: Sender, message: Inbound<'authToken'>): Promise<Verdict> {
    if (sender.connection !== null) await path.renewToken(sender.connection, message.payload)
    return 'swallow'
  }

  /** Tells the sender; returns an error when the connection has to end. */
  function refuse(sender: Sender, { topic }: About, error: unknown): Error | null {
    if (!(error instanceof TrackwireError)) {
      path.logger.error({ err: error, topic }, 'a message could not be handled')
      return error as Error
    }
    path.tell(sender.principal, {
      code: error.code,
      message: error.message,
      topic,
      ...(typeof error.details?.index === 'number' ? { index: error.details.index } : {}),
    })
    if (ERRORS[error.code].retry) return error
    const forbidden = error.code === 'publish_forbidden' || error.code === 'topic_unknown'
    if (forbidden && sender.connection !== null && repeats(sender.connection)) {
      path.logger.warn(
        { org: sender.principal.org, sub: sender.principal.sub },
        'closed: forbidden publishes keep coming',
      )
      return new Error('forbidden publishes keep coming')
    }
    return null
  }

  function repeats(connection: Connection): boolean {
    const now = path.now()
    connection.forbiddenAtMs = connection.forbiddenAtMs.filter(at => at > now - 60_000)
    connection.forbiddenAtMs.push(now)
    return connection.forbiddenAtMs.length > FORBIDDEN_PER_MINUTE
  }

  /** Waypoints and cards: who may say where a device is may say these of it. */
  function phoneSays(
    sender: Sender,
    packet: PublishPacket,
    { deviceId, content }: PhoneContent,
    receivedAt: number,
  ): Verdict | Promise<Verdict> {
    const { principal, connection } = sender
    const { org } = principal
    const { qos } = packet
    const decision = decideTopic(principal, 'publish', buildTopic('location', { org, deviceId }), undefined, { qos })
    if (!decision.allowed) throw new TrackwireError('publish_forbidden', `not allowed: ${decision.reason}`)
    if (path.handlers.phone === undefined) return 'swallow'
    const saying = { org, deviceId, content, principal, receivedAt, address: connection?.address }
    return stored(sender, path.handlers.phone(saying), packet)
  }

  /** A message of OwnTracks becomes one of the contract first; what cannot be read of it is refused in its turn. */
  function passOwnTracks(connection: Connection, packet: PublishPacket, next: Judged): void {
    const said = translated(connection, packet)
    if (said === 'contract') return pass(messages, connection, packet, next)
    const judgePhone = (sender: Sender, { receivedAt }: Passage) => {
      if (said === 'ignored') return 'swallow'
      if ('fault' in said) throw said.fault
      return phoneSays(sender, packet, said, receivedAt)
    }
    pass({ judge: judgePhone, refuse }, connection, packet, next)
  }

  function translated(connection: Connection, packet: PublishPacket): Translation['as'] | { readonly fault: unknown } {
    try {
      const { as, wasSealed } = translateOwnTracks(packet, connection.principal, path.ownTracks)
      if (wasSealed) connection.sealsOwnTracks = true
      return as
    } catch (fault) {
      return { fault }
    }
  }

  const messages: Judge = {
    judge: (sender, passage) => judge(sender, passage.packet, passage.parsed, passage.receivedAt, passage),
    refuse,
  }

  function pass(judge: Judge, connection: Connection, packet: PublishPacket, next: Judged): void {
    const passage = new Passage(judge, connection, packet, path.topics.of(packet.topic), path.now(), next)
    path.limits.admit(passage)
  }

  function of(connection: Connection, packet: PublishPacket, next: Judged): void {
    // Not answered: its connection is about to end, and what it sent is not acknowledged.
    if (connection.isCut) return
    if (isOwnTracks(packet.topic)) passOwnTracks(connection, packet, next)
    else pass(messages, connection, packet, next)
  }

  /** Draws from no bucket, and is acknowledged to nobody. */
  function will(sender: Sender, packet: PublishPacket, done: Done): void {
    const finish = (verdict: Verdict) => {
      if (verdict === 'swallow') swallow(packet)
      done(null)
    }
    const fail = (error: unknown) => {
      const fatal = refuse(sender, packet, error)
      if (fatal === null) finish('swallow')
      else done(fatal)
    }
    try {
      const { as } = translateOwnTracks(packet, sender.principal, path.ownTracks)
      if (as === 'ignored') return finish('swallow')
      const receivedAt = path.now()
      const answer =
        as === 'contract'
          ? judge(sender, packet, path.topics.of(packet.topic), receivedAt, { settle: finish, fail })
          : phoneSays(sender, packet, as, receivedAt)
      if (typeof answer !== 'string') answer.then(finish, fail)
      else if (answer !== 'later') finish(answer)
    } catch (error) {
      fail(error)
    }
  }

  return {
    of,
    byAedes(client, packet, done) {
      const sender = senderOf(client, packet, path.connections)
      if (sender === null) {
        // The will of an earlier process that nobody can answer for: an error here would keep all other wills from going out.
        swallow(packet)
        return done(null)
      }
      if (sender.connection === null || sender.isWill) will(sender, packet, done)
      else of(sender.connection, packet, { judged: done })
    },
  }
}

/** What a connection has published is decided once for a topic, while its rights are the same. */
function decide({ principal, connection, isWill }: Sender, packet: PublishPacket, parsed: ParsedTopic): Decision {
  if (connection !== null && !isWill) return connection.publishRights.decide(principal, packet, parsed)
  const { topic, qos, retain } = packet
  return decideTopic(principal, 'publish', topic, parsed, { qos, retain })
}
