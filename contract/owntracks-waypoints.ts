import Type from 'typebox'
import { TrackwireError } from './errors.ts'
import { checkSchema } from './payloads.ts'

/** Phones have a handful; this bounds what one of them can make of an organisation. */
export const MAX_WAYPOINTS = 100
const MAX_NAME_CHARACTERS = 200

/** A place that somebody marked in the app. */
export interface OwnTracksWaypoint {
  /** When it was made, seconds: the app's own key for it, the same in every later message. */
  readonly createdSeconds: number
  readonly name: string
  /** Null for a beacon, and for a place without a radius. */
  readonly circle: { readonly lat: number; readonly lng: number; readonly radiusMeters: number } | null
}

export interface UnreadWaypoint {
  readonly index: number
  readonly message: string
}

/** Of `waypoint`, and of the members of `waypoints` (booklet, "JSON"). */
const Waypoint = Type.Object({
  desc: Type.String({ minLength: 1 }),
  tst: Type.Union([Type.Integer({ minimum: 0, maximum: 9_999_999_999 }), Type.String({ pattern: '^\\d{1,10}$' })]),
  lat: Type.Optional(Type.Unknown()),
  lon: Type.Optional(Type.Unknown()),
  rad: Type.Optional(Type.Unknown()),
})
const Waypoints = Type.Object({ waypoints: Type.Array(Type.Unknown(), { maxItems: MAX_WAYPOINTS }) })

/** Reads either message; of a list a bad place costs itself alone. Errors: `payload_invalid`. */
export function readWaypoints(message: object): {
  waypoints: OwnTracksWaypoint[]
  unread: UnreadWaypoint[]
} {
  if (!('waypoints' in message)) return { waypoints: [readWaypoint(message)], unread: [] }
  const byKey = new Map<number, OwnTracksWaypoint>()
  const unread: UnreadWaypoint[] = []
  for (const [index, value] of checkSchema(Waypoints, message).waypoints.entries()) {
    try {
      const waypoint = readWaypoint(value)
      byKey.set(waypoint.createdSeconds, waypoint)
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error
      unread.push({ index, message: `waypoint ${index}: ${error.message}` })
    }
  }
  return { waypoints: [...byKey.values()], unread }
}

function readWaypoint(value: unknown): OwnTracksWaypoint {
  const { desc, tst, lat, lon, rad } = checkSchema(Waypoint, value)
  return {
    createdSeconds: Number(tst),
    name: nameOf(desc),
    circle: circleOf(readNumber(lat), readNumber(lon), readNumber(rad)),
  }
}

/** Out of range is how the apps say that a place is gone. */
function circleOf(lat: number, lng: number, radiusMeters: number): OwnTracksWaypoint['circle'] {
  const isCircle =
    Math.abs(lat) <= 90 && Math.abs(lng) <= 180 && radiusMeters > 0 && radiusMeters < Number.POSITIVE_INFINITY
  return isCircle ? { lat, lng, radiusMeters } : null
}

/** Older apps write a beacon into the name: `name:uuid:major:minor`. */
function nameOf(desc: string): string {
  const beacon = /^(.+?):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?::\d+){0,2}$/i.exec(desc)
  return [...(beacon?.[1] ?? desc)].slice(0, MAX_NAME_CHARACTERS).join('')
}

/** Some builds of the app send numbers as texts. NaN where there is none. */
function readNumber(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : Number.NaN
}
