import Type from 'typebox'
import { Id, TimestampMs } from './ids.ts'

const Longitude = Type.Number({ minimum: -360, maximum: 360 })
const Latitude = Type.Number({ minimum: -90, maximum: 90 })
/** `[longitude, latitude]`, RFC 7946 §3.1.1; without altitude, since a token has to stay short. */
const Position = Type.Tuple([Longitude, Latitude])
const Ring = Type.Array(Position, { minItems: 4, maxItems: 200 })

/** Where positions are shown: a GeoJSON Polygon, or a bounding box `[west, south, east, north]` (RFC 7946 §5). */
export const ShareArea = Type.Union([
  Type.Object(
    { type: Type.Literal('Polygon'), coordinates: Type.Array(Ring, { minItems: 1, maxItems: 10 }) },
    { additionalProperties: false },
  ),
  Type.Tuple([Longitude, Latitude, Longitude, Latitude]),
])
export type ShareArea = Type.Static<typeof ShareArea>

/** Three filters of a page and its errors must suffice for all of them, and the token has to fit into an HTTP header. */
export const MAX_SHARED_DEVICES = 50
/** All vertices of an area together, for the same reason. */
export const MAX_AREA_VERTICES = 200

/**
 * The `scope` claim: what the bearer of a share link may see, and nothing else. Read only, whatever else the token says.
 * Positions are shown whose time lies in the window, while the clock does.
 */
export const ShareScope = Type.Object(
  {
    link: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,40}$', description: 'Id of the share link' })),
    view: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,40}$', description: 'Which opening of the link' })),
    devices: Type.Array(Id, { minItems: 1, maxItems: MAX_SHARED_DEVICES }),
    from: TimestampMs,
    until: TimestampMs,
    history: Type.Optional(Type.Boolean({ description: 'Also where it was since `from`; left out: live only' })),
    area: Type.Optional(ShareArea),
    precisionMeters: Type.Optional(
      Type.Number({ minimum: 1, maximum: 100_000, description: 'Positions are rounded to a grid of this width' }),
    ),
  },
  { additionalProperties: false },
)
export type ShareScope = Type.Static<typeof ShareScope>

/** Whether the clock is in the window: `from` belongs to it, `until` does not. */
export function isShareOpen({ from, until }: Pick<ShareScope, 'from' | 'until'>, timeMs: number): boolean {
  return timeMs >= from && timeMs < until
}
