import {
  buildTopic,
  checkPayloadSize,
  type Decision,
  decideFilter,
  decodeJson,
  isId,
  isOwnTracksFilter,
  type Principal,
  parseOwnTracksTopic,
  parseTopic,
  type Qos,
  readOwnTracks,
  TrackwireError,
} from '../contract/index.ts'
import { skippedOf } from './guard/guard-packets.ts'

/** What is in an encrypted message: nonce and box in base64 → the message inside. Errors: `payload_invalid`. */
export type OpenOwnTracks = (data: string) => unknown

/** A PUBLISH or a will. */
interface Message {
  topic: string
  payload: string | Buffer
  retain: boolean
}

/**
 * OwnTracks publishes to `owntracks/{user}/{device}` and below, whoever it is. Its message becomes the one of the contract that says
 * the same, in place, before anything looks at it: rights, limits, storing and forwarding are then those of any device. The token
 * of a device is that device, whatever the app calls itself; for others the device is the third level. Its flag "retain" never counts.
 * @returns `ignored` for what the platform does not keep (cards, commands, waypoints, …): it is acknowledged, and no more
 * @throws TrackwireError `payload_not_json`, `payload_invalid`, `payload_too_large`, `topic_invalid`
 */
export function translateOwnTracks(
  message: Message,
  principal: Principal,
  open: OpenOwnTracks | undefined,
): 'contract' | 'ignored' {
  const { org } = principal
  const said = parseOwnTracksTopic(message.topic)
  if (said === null || (org === 'owntracks' && parseTopic(message.topic) !== null)) return 'contract'
  message.retain = false
  // What is too large was left out, and must not pass for a message of no bytes.
  checkPayloadSize(skippedOf(message))
  // A retained message is deleted by one of no bytes; nothing of it was retained.
  if (message.payload.length === 0) return 'ignored'
  const outside = readOwnTracks(decodeJson(Buffer.from(message.payload as Buffer), 'payload'))
  const inside = outside.kind === 'encrypted' ? readOwnTracks(decrypt(outside.data, open)) : outside
  if (inside.kind !== 'fix' && inside.kind !== 'gone') return 'ignored'
  const deviceId = principal.role === 'device' ? principal.sub : said.device
  if (!isId(deviceId)) {
    throw new TrackwireError('topic_invalid', `${said.device} is no device id; set the device id in the app to one`)
  }
  const isFix = inside.kind === 'fix'
  message.topic = buildTopic(isFix ? 'location' : 'status', { org, deviceId })
  message.payload = Buffer.from(JSON.stringify(isFix ? inside.fix : { state: 'offline' }))
  return 'contract'
}

function decrypt(data: string, open: OpenOwnTracks | undefined): unknown {
  if (open !== undefined) return open(data)
  throw new TrackwireError(
    'payload_invalid',
    'the message is encrypted, and the platform has no key; set TRACKWIRE_OWNTRACKS_SECRET, or turn encryption off in the app',
  )
}

/** Whether a principal may hold a subscription. Those of OwnTracks are granted to everyone: nothing is ever published there. */
export function decideSubscription(principal: Principal, filter: string, manner: { qos: Qos }): Decision {
  if (principal.org !== 'owntracks' && principal.share === undefined && isOwnTracksFilter(filter)) {
    return { allowed: true, reason: 'OwnTracks subscribes here; nothing is published' }
  }
  return decideFilter(principal, filter, manner)
}
