import Type from 'typebox'
import { TrackwireError } from './errors.ts'
import type { LocationUpdate } from './location-update.ts'
import { type OwnTracksCard, readCard } from './owntracks-friends.ts'
import { type OwnTracksWaypoint, readWaypoints, type UnreadWaypoint } from './owntracks-waypoints.ts'
import { checkSchema } from './payloads.ts'

/** A number that some builds of the app send as a text. */
const Numeric = Type.Union([Type.Number(), Type.String({ pattern: '^-?\\d{1,15}(\\.\\d{1,15})?$' })])

/**
 * The part of OwnTracks' JSON that says where a phone is (booklet, "JSON"): `location` and `transition`. Seconds, kilometres per
 * hour, per cent. Further members are kept as attributes.
 */
export const OwnTracksFix = Type.Object({
  _type: Type.Union([Type.Literal('location'), Type.Literal('transition')]),
  lat: Type.Number({ minimum: -90, maximum: 90 }),
  lon: Type.Number({ minimum: -180, maximum: 180 }),
  tst: Numeric,
  acc: Type.Optional(Type.Number()),
  alt: Type.Optional(Type.Number()),
  vel: Type.Optional(Type.Number({ description: 'Kilometres per hour' })),
  cog: Type.Optional(Type.Number()),
  batt: Type.Optional(Type.Number()),
  bs: Type.Optional(Type.Number({ description: '1 unplugged, 2 charging, 3 full' })),
  conn: Type.Optional(Type.String()),
  t: Type.Optional(Type.String({ description: 'What made the phone report' })),
  event: Type.Optional(Type.String({ description: 'Of a transition: enter or leave' })),
  motionactivities: Type.Optional(Type.Array(Type.String())),
})
type OwnTracksFix = Type.Static<typeof OwnTracksFix>

/** What a phone says of itself beside its position, and the platform keeps. */
export type OwnTracksContent =
  | {
      readonly kind: 'waypoints'
      readonly waypoints: readonly OwnTracksWaypoint[]
      readonly unread: readonly UnreadWaypoint[]
    }
  | { readonly kind: 'card'; readonly card: OwnTracksCard }

export type OwnTracksMessage =
  | { readonly kind: 'fix'; readonly fix: LocationUpdate }
  | OwnTracksContent
  /** The phone's last will. */
  | { readonly kind: 'gone' }
  /** Libsodium's secretbox around another message: the nonce and the box, in base64. */
  | { readonly kind: 'encrypted'; readonly data: string }
  /** Commands, steps, beacons, …: nothing that the platform keeps. */
  | { readonly kind: 'other'; readonly type: string }

const NETWORKS: Readonly<Record<string, string>> = { w: 'wifi', m: 'mobile', o: 'offline' }

/** What has a place of its own in a fix, or is about the message and not the phone. */
const PLACED = new Set(
  '_type _id _http topic lat lon tst acc alt vel cog batt bs conn t event motionactivities'.split(' '),
)

/** Reads a message of OwnTracks that is JSON already. Errors: `payload_invalid`. */
export function readOwnTracks(value: unknown): OwnTracksMessage {
  const { _type: type, data } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (typeof type !== 'string') {
    throw new TrackwireError('payload_invalid', '/_type is required: it says what an OwnTracks message is', {
      details: { path: '/_type' },
    })
  }
  if (type === 'location' || type === 'transition') {
    return { kind: 'fix', fix: fixOf(checkSchema(OwnTracksFix, value) as OwnTracksFix) }
  }
  if (type === 'lwt') return { kind: 'gone' }
  if (type === 'waypoint' || type === 'waypoints') return { kind: 'waypoints', ...readWaypoints(value as object) }
  if (type === 'card') return { kind: 'card', card: readCard(value as object) }
  if (type !== 'encrypted') return { kind: 'other', type }
  if (typeof data === 'string') return { kind: 'encrypted', data }
  throw new TrackwireError('payload_invalid', '/data must be a text in base64', { details: { path: '/data' } })
}

function fixOf(message: OwnTracksFix): LocationUpdate {
  const { lat, lon, tst, acc, alt, vel, cog, batt, bs, conn, t, event, motionactivities } = message
  const others = Object.entries(message).filter(([name]) => !PLACED.has(name))
  const charging = bs === 2 || bs === 3 ? true : bs === 1 ? false : undefined
  const activity = motionactivities?.[0]?.slice(0, 64)
  const network = conn === undefined ? undefined : (NETWORKS[conn] ?? conn.slice(0, 64))
  return {
    timestamp: Math.round(Number(tst) * 1_000),
    location: known({
      lat,
      lng: lon,
      accuracy: positive(acc),
      speed: vel === undefined || vel < 0 ? undefined : vel / 3.6,
      heading: cog !== undefined && cog >= 0 && cog <= 360 ? cog : undefined,
      altitude: alt,
    }),
    ...filled('metadata', {
      battery: batt !== undefined && batt <= 100 ? positive(batt) : undefined,
      network,
      activity,
    }),
    ...filled('attributes', { ...Object.fromEntries(others), charging, event: event ?? t }),
  }
}

/** Phones say −1 for what they do not know. */
function positive(value: number | undefined): number | undefined {
  return value !== undefined && value >= 0 ? value : undefined
}

type Known<Members> = { [Name in keyof Members]: Exclude<Members[Name], undefined> }

function known<Members extends object>(members: Members): Known<Members> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Known<Members>
}

function filled(name: 'metadata' | 'attributes', members: object): object {
  const present = known(members)
  return Object.keys(present).length === 0 ? {} : { [name]: present }
}

/** Whether a topic may be one of the apps'. */
export function isOwnTracks(topic: string): boolean {
  return topic.startsWith('owntracks/')
}

/** The levels of `owntracks/{user}/{device}` and, below it, of `/event`, `/waypoint`, `/cmd`, …; null for another topic. */
export function parseOwnTracksTopic(topic: string): { user: string; device: string; part: string | null } | null {
  if (!isOwnTracks(topic)) return null
  const [first, user, device, part = null, ...rest] = topic.split('/')
  if (first !== 'owntracks' || !user || !device || rest.length > 0) return null
  return { user, device, part }
}

/** Whether a filter is one of those that the apps subscribe to, like `owntracks/+/+` or `owntracks/ann/phone/cmd`. */
export function isOwnTracksFilter(filter: string): boolean {
  return /^owntracks\/(#|[^/#]+(\/(#|[^/#]+)){1,2})$/.test(filter)
}
