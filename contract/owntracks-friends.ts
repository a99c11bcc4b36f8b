import Type from 'typebox'
import { isId, isOrg } from './ids.ts'
import type { LocationUpdate } from './location-update.ts'
import { checkSchema } from './payloads.ts'
import { parseTopic } from './topics.ts'

/** An image of 192 × 192 points, as the app wants it, has half as many. */
const MAX_FACE_CHARACTERS = 131_072
/** What a PNG, and a JPEG, begin with in base64. */
const FACE = /^(iVBORw0KGgo|\/9j\/)[A-Za-z0-9+/]*={0,2}$/

const Card = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 64 })),
  face: Type.Optional(
    Type.Refine(
      Type.String({ maxLength: MAX_FACE_CHARACTERS }),
      face => face === '' || FACE.test(face),
      () => 'is no PNG or JPEG in base64',
    ),
  ),
})

/** Who carries the phone. */
export interface OwnTracksCard {
  readonly name: string | null
  /** A PNG or JPEG in base64. */
  readonly face: string | null
}

/** Reads `_type: card`. Errors: `payload_invalid`. */
export function readCard(message: object): OwnTracksCard {
  const { name, face } = checkSchema(Card, message)
  return { name: name?.trim() || null, face: face || null }
}

/** Of a device as its friends see it. */
interface Friend {
  readonly org: string
  readonly deviceId: string
}

export interface FriendTopic extends Friend {
  /** Null: where it is; `info`: its card; `cmd`: what it is told, for the phone alone. */
  readonly part: 'info' | 'cmd' | null
}

/**
 * Where OwnTracks apps hear of a device: `owntracks/{org}/{deviceId}`, whatever its own app calls itself. Null where the topic
 * would be one of an organisation that is called `owntracks`: there, the contract's meaning counts.
 */
export function friendTopic({ org, deviceId }: Friend, part: 'info' | null = null): string | null {
  const topic = part === null ? `owntracks/${org}/${deviceId}` : `owntracks/${org}/${deviceId}/${part}`
  return parseTopic(topic) === null ? topic : null
}

/** Under which topic the app of a device is set up to publish: where its friends see it, so that it knows itself among them. */
export function phoneTopic(device: Friend): string {
  return friendTopic(device) ?? `owntracks/phone/${device.deviceId}`
}

/** Whom a topic under `owntracks/` is about; null for what the platform says nothing on. */
export function parseFriendTopic(topic: string): FriendTopic | null {
  const [first, org, deviceId, part, ...rest] = topic.split('/')
  if (first !== 'owntracks' || !org || !deviceId || rest.length > 0) return null
  // The command topic is the app's own, with the names that it chose.
  if (part === 'cmd') return { org, deviceId, part }
  if (!isOrg(org) || !isId(deviceId) || (part !== undefined && part !== 'info')) return null
  return { org, deviceId, part: part ?? null }
}

/** The initials on the map: those that the phone sends, else the end of its id, as in the app itself. */
export function trackerIdOf(deviceId: string, fix?: LocationUpdate | null): string {
  const sent = fix?.attributes?.tid
  return typeof sent === 'string' && sent.length >= 1 && sent.length <= 2 ? sent : deviceId.slice(-2)
}

/** A position as OwnTracks has it: seconds, kilometres per hour, and whole numbers, since the apps read no others. */
export function locationForFriends(friend: Friend, fix: LocationUpdate): object {
  const { lat, lng, accuracy, altitude, speed, heading } = fix.location
  const { battery } = fix.metadata ?? {}
  return {
    _type: 'location',
    topic: friendTopic(friend) ?? undefined,
    tid: trackerIdOf(friend.deviceId, fix),
    lat,
    lon: lng,
    tst: Math.floor(fix.timestamp / 1_000),
    acc: whole(accuracy),
    alt: whole(altitude),
    vel: whole(speed === undefined ? undefined : speed * 3.6),
    cog: whole(heading),
    batt: whole(typeof battery === 'number' ? battery : undefined),
  }
}

export function cardForFriends(friend: Friend, card: OwnTracksCard, fix?: LocationUpdate | null): object {
  return {
    _type: 'card',
    topic: friendTopic(friend) ?? undefined,
    tid: trackerIdOf(friend.deviceId, fix),
    name: card.name ?? undefined,
    face: card.face ?? undefined,
  }
}

function whole(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value)
}
