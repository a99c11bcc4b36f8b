import Type from 'typebox'
import { Id, TimestampMs } from './ids.ts'
import { Location } from './location-update.ts'

export const GeofenceTransition = Type.Union([Type.Literal('enter'), Type.Literal('exit'), Type.Literal('dwell')])
export type GeofenceTransition = Type.Static<typeof GeofenceTransition>

/** A crossing as announced and stored. `timestamp` is the fix's; `id` is the same however often it is computed. */
export const GeofenceEvent = Type.Object({
  id: Id,
  event: GeofenceTransition,
  deviceId: Id,
  fenceId: Id,
  fenceName: Type.String(),
  timestamp: TimestampMs,
  location: Location,
  initial: Type.Optional(Type.Boolean({ description: 'The first known fix was already inside' })),
  late: Type.Optional(Type.Boolean({ description: 'Revealed only by fixes that arrived late' })),
  dwellSeconds: Type.Optional(Type.Number({ minimum: 0 })),
  tags: Type.Optional(Type.Array(Type.String())),
})
export type GeofenceEvent = Type.Static<typeof GeofenceEvent>
