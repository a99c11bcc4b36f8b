import Type from 'typebox'
import { GeofenceTransition } from './geofence-event.ts'
import { Id } from './ids.ts'

/** `[longitude, latitude]` or with altitude, RFC 7946 §3.1.1. */
const Position = Type.Array(Type.Number(), { minItems: 2, maxItems: 4 })
const Ring = Type.Array(Position, { minItems: 4 })

export const FenceGeometry = Type.Union([
  Type.Object({ type: Type.Literal('Polygon'), coordinates: Type.Array(Ring, { minItems: 1 }) }),
  Type.Object({
    type: Type.Literal('MultiPolygon'),
    coordinates: Type.Array(Type.Array(Ring, { minItems: 1 }), { minItems: 1 }),
  }),
  Type.Object({ type: Type.Literal('Point'), coordinates: Position }),
  Type.Object({ type: Type.Literal('LineString'), coordinates: Type.Array(Position, { minItems: 2 }) }),
])
export type FenceGeometry = Type.Static<typeof FenceGeometry>

export const FenceSchedule = Type.Object({
  days: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { description: 'ISO weekdays, 1 = Monday' }),
  ),
  from: Type.Optional(Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$' })),
  to: Type.Optional(Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d$' })),
  timeZone: Type.Optional(Type.String({ description: 'IANA time zone; UTC when left out' })),
  expect: Type.Optional(
    Type.Union([Type.Literal('inside'), Type.Literal('outside')], {
      description: 'Where devices should be when the schedule begins: one that is not gives an event at that moment',
    }),
  ),
})
export type FenceSchedule = Type.Static<typeof FenceSchedule>

/** A named set of the noise settings, for what the fence is about; any setting beside it overrides its part. */
export const NoiseFilter = Type.Union([Type.Literal('vehicle'), Type.Literal('person'), Type.Literal('none')])
export type NoiseFilter = Type.Static<typeof NoiseFilter>

/** All optional but `radius` of a Point and `buffer` of a LineString. */
export const FenceProperties = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 200 })),
  radius: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: 'Circle: metres around the Point' })),
  buffer: Type.Optional(
    Type.Number({ exclusiveMinimum: 0, description: 'Corridor: metres to either side of the LineString' }),
  ),
  appliesTo: Type.Optional(
    Type.Object({ devices: Type.Optional(Type.Array(Id)), groups: Type.Optional(Type.Array(Id)) }),
  ),
  events: Type.Optional(Type.Array(GeofenceTransition)),
  dwellSeconds: Type.Optional(Type.Number({ minimum: 0 })),
  repeatSeconds: Type.Optional(
    Type.Number({ minimum: 1, description: 'A dwell is repeated every so often until the exit' }),
  ),
  maxStaySeconds: Type.Optional(
    Type.Number({ minimum: 1, description: 'A stay this long gives a dwell with `overstay: true`' }),
  ),
  filter: Type.Optional(NoiseFilter),
  minFixes: Type.Optional(Type.Integer({ minimum: 1, description: 'Fixes in a row on the new side that confirm' })),
  minSeconds: Type.Optional(
    Type.Number({ minimum: 0, description: 'Seconds on the new side that confirm, even with fewer fixes' }),
  ),
  marginMeters: Type.Optional(Type.Number({ minimum: 0 })),
  useAccuracy: Type.Optional(
    Type.Union([Type.Boolean(), Type.Number({ minimum: 0, maximum: 10 })], {
      description:
        'A position is the circle of its accuracy: all of it has to be across. A number takes the circle so many times as large',
    }),
  ),
  maxSpeed: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      description: 'Metres per second; a fix that nothing could have reached is ignored',
    }),
  ),
  cross: Type.Optional(
    Type.Boolean({
      description: 'The line between two fixes counts too: crossings between them get interpolated times',
    }),
  ),
  maxAccuracy: Type.Optional(Type.Number({ minimum: 0, description: 'Metres; a worse fix is ignored for this fence' })),
  schedule: Type.Optional(FenceSchedule),
  speedLimit: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: 'Metres per second' })),
  severity: Type.Optional(Type.String({ maxLength: 32 })),
  tags: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 50 })),
})
export type FenceProperties = Type.Static<typeof FenceProperties>

/** A fence as the outside sees it: a GeoJSON Feature (RFC 7946 §3.2) with a string id. */
export const FenceFeature = Type.Object({
  type: Type.Literal('Feature'),
  id: Id,
  geometry: FenceGeometry,
  properties: FenceProperties,
})
export type FenceFeature = Type.Static<typeof FenceFeature>
