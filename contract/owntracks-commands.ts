import Type, { type TSchema } from 'typebox'
import { MAX_WAYPOINTS } from './owntracks-waypoints.ts'
import { checkSchema } from './payloads.ts'

const closed = { additionalProperties: false }
const Nothing = Type.Object({}, closed)
const Seconds = Type.Integer({ minimum: 0, maximum: 9_999_999_999 })

/** What may be set from afar: how the phone reports. Never where to, nor as whom: that would take the phone away. */
const Reporting = Type.Object(
  {
    monitoring: Type.Optional(
      Type.Integer({ minimum: -1, maximum: 2, description: '−1 quiet, 0 manual, 1 significant, 2 move' }),
    ),
    locatorInterval: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400, description: 'Seconds' })),
    locatorDisplacement: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000, description: 'Metres' })),
    moveModeLocatorInterval: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400, description: 'Seconds' })),
    ignoreInaccurateLocations: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000, description: 'Metres' })),
    ping: Type.Optional(Type.Integer({ minimum: 15, maximum: 10_080, description: 'Minutes' })),
    extendedData: Type.Optional(Type.Boolean()),
  },
  { ...closed, minProperties: 1 },
)

const Place = Type.Object(
  {
    createdSeconds: Type.Integer({ minimum: 0, maximum: 9_999_999_999, description: 'The key of the place' }),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    lat: Type.Number({ minimum: -90, maximum: 90 }),
    lng: Type.Number({ minimum: -180, maximum: 180 }),
    radiusMeters: Type.Number({ exclusiveMinimum: 0 }),
  },
  closed,
)

/** What an OwnTracks app can be told, and with which arguments. */
export const OWNTRACKS_COMMANDS = {
  reportLocation: Nothing,
  reportSteps: Type.Object({ from: Type.Optional(Seconds), to: Type.Optional(Seconds) }, closed),
  /** Sends its places, which become fences. */
  waypoints: Nothing,
  setWaypoints: Type.Object({ waypoints: Type.Array(Place, { minItems: 1, maxItems: MAX_WAYPOINTS }) }, closed),
  clearWaypoints: Nothing,
  setConfiguration: Type.Object({ configuration: Reporting }, closed),
  /** Shows a text, or a page, in the app. */
  action: Type.Object(
    {
      content: Type.Optional(Type.String({ maxLength: 10_000 })),
      url: Type.Optional(Type.String({ pattern: '^https?://', maxLength: 2_000 })),
      notification: Type.Optional(Type.String({ maxLength: 1_000 })),
      extern: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
} as const satisfies Record<string, TSchema>

export type OwnTracksCommandName = keyof typeof OWNTRACKS_COMMANDS

/**
 * A command as the app reads it, from its `cmd` topic or in the answer to an HTTP request. The app does it only where its "remote
 * commands" are on, and never answers; `reportLocation` shows by the position with `event: r`. Errors: `payload_invalid`.
 */
export function encodeOwnTracksCommand(name: OwnTracksCommandName, args: unknown = {}): object {
  const checked = checkSchema(OWNTRACKS_COMMANDS[name], args) as Record<string, unknown>
  const command = { _type: 'cmd', action: name }
  if (name === 'setWaypoints') {
    const places = checked.waypoints as Type.Static<typeof Place>[]
    return { ...command, waypoints: { _type: 'waypoints', waypoints: places.map(waypointOf) } }
  }
  if (name === 'setConfiguration') {
    return { ...command, configuration: { _type: 'configuration', ...(checked.configuration as object) } }
  }
  return { ...command, ...checked }
}

function waypointOf({ createdSeconds, name, lat, lng, radiusMeters }: Type.Static<typeof Place>): object {
  return { _type: 'waypoint', desc: name, lat, lon: lng, rad: Math.round(radiusMeters), tst: createdSeconds }
}
