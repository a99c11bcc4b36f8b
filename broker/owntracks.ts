import {
  buildTopic,
  checkPayloadSize,
  type Decision,
  decideFilter,
  decodeJson,
  isId,
  isOwnTracksFilter,
  type OwnTracksContent,
  type Principal,
  parseOwnTracksTopic,
  parseTopic,
  type Qos,
  readOwnTracks,
  TrackwireError,
} from '../contract/index.ts'
import { skippedOf } from './guard/guard-packets.ts'

/** The secret that the platform shares with the apps. */
export interface OwnTracksSecret {
  /** What is in an encrypted message: nonce and box in base64 → the message inside. Errors: `payload_invalid`. */
  open(data: string): unknown
  /** The reverse. */
  seal(message: unknown): string
}

/** A PUBLISH or a will. */
interface Message {
  topic: string
  payload: string | Buffer
  retain: boolean
}

/** What a phone says of a device beside where it is. */
export interface PhoneContent {
  readonly deviceId: string
  readonly content: OwnTracksContent
}

/** What became of a message. */
export interface Translation {
  /**
   * `contract`: it is one of the contract now; `ignored`: what the platform does not keep (commands, steps, …), which is
   * acknowledged, and no more; else what it says of which device.
   */
  readonly as: 'contract' | 'ignored' | PhoneContent
  readonly wasSealed: boolean
}

const AS_IT_IS: Translation = { as: 'contract', wasSealed: false }

/**
 * OwnTracks publishes to `owntracks/{user}/{device}` and below, whoever it is. Its message becomes the one of the contract that says
 * the same, in place, before anything looks at it: rights, limits, storing and forwarding are then those of any device. The token
 * of a device is that device, whatever the app calls itself; for others the device is the third level. Its flag "retain" never counts.
 * @throws TrackwireError `payload_not_json`, `payload_invalid`, `payload_too_large`, `topic_invalid`
 */
export function translateOwnTracks(
  message: Message,
  principal: Principal,
  secret: OwnTracksSecret | undefined,
): Translation {
  const { org } = principal
  const said = parseOwnTracksTopic(message.topic)
  if (said === null || (org === 'owntracks' && parseTopic(message.topic) !== null)) return AS_IT_IS
  message.retain = false
  // What is too large was left out, and must not pass for a message of no bytes.
  checkPayloadSize(skippedOf(message))
  // A retained message is deleted by one of no bytes; nothing of it was retained.
  if (message.payload.length === 0) return { as: 'ignored', wasSealed: false }
  const outside = readOwnTracks(decodeJson(Buffer.from(message.payload as Buffer), 'payload'))
  const wasSealed = outside.kind === 'encrypted'
  const inside = wasSealed ? readOwnTracks(decrypt(outside.data, secret)) : outside
  if (inside.kind === 'other' || inside.kind === 'encrypted') return { as: 'ignored', wasSealed }
  const deviceId = principal.role === 'device' ? principal.sub : said.device
  if (!isId(deviceId)) {
    throw new TrackwireError('topic_invalid', `${said.device} is no device id; set the device id in the app to one`)
  }
  if (inside.kind === 'waypoints' || inside.kind === 'card') return { as: { deviceId, content: inside }, wasSealed }
  const isFix = inside.kind === 'fix'
  message.topic = buildTopic(isFix ? 'location' : 'status', { org, deviceId })
  message.payload = Buffer.from(JSON.stringify(isFix ? inside.fix : { state: 'offline' }))
  return { as: 'contract', wasSealed }
}

function decrypt(data: string, secret: OwnTracksSecret | undefined): unknown {
  if (secret !== undefined) return secret.open(data)
  throw new TrackwireError(
    'payload_invalid',
    'the message is encrypted, and the platform has no key; set TRACKWIRE_OWNTRACKS_SECRET, or turn encryption off in the app',
  )
}

/** Whether a principal may hold a subscription. Those of OwnTracks are granted to everyone: what is delivered is decided per message. */
export function decideSubscription(principal: Principal, filter: string, manner: { qos: Qos }): Decision {
  if (principal.org !== 'owntracks' && principal.share === undefined && isOwnTracksFilter(filter)) {
    return { allowed: true, reason: 'OwnTracks subscribes here, and is sent what it may see' }
  }
  return decideFilter(principal, filter, manner)
}
