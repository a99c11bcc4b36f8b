import Type from 'typebox'
import { Id, TimestampMs } from './ids.ts'
import { Location } from './location-update.ts'

export const GeofenceTransition = Type.Union([Type.Literal('enter'), Type.Literal('exit'), Type.Literal('dwell')])
export type GeofenceTransition = Type.Static<typeof GeofenceTransition>

/** What is announced of fences: the transitions, and the correction of one that later data contradict. */
export const GeofenceEventKind = Type.Union([
  Type.Literal('enter'),
  Type.Literal('exit'),
  Type.Literal('dwell'),
  Type.Literal('correction'),
])
export type GeofenceEventKind = Type.Static<typeof GeofenceEventKind>

/**
 * A crossing as announced and stored. `timestamp` is the fix's; `id` is the same however often it is computed.
 * A `correction` names in `retracts` the id of the event that later data contradict, and bears that event's time and place.
 */
export const GeofenceEvent = Type.Object({
  id: Id,
  event: GeofenceEventKind,
  deviceId: Id,
  fenceId: Id,
  fenceName: Type.String(),
  timestamp: TimestampMs,
  location: Location,
  initial: Type.Optional(Type.Boolean({ description: 'The first known fix was already inside' })),
  late: Type.Optional(Type.Boolean({ description: 'Revealed only by fixes that arrived late' })),
  inferred: Type.Optional(
    Type.Boolean({ description: 'By the clock: no fix says so, none contradicts it; `timestamp` is when it was due' }),
  ),
  interpolated: Type.Optional(
    Type.Boolean({ description: 'Time and place lie on the line between two fixes (`cross`)' }),
  ),
  scheduled: Type.Optional(Type.Boolean({ description: 'The schedule began, the device did not cross the border' })),
  dwellSeconds: Type.Optional(
    Type.Number({ minimum: 0, description: 'How long the stay had lasted, from its entering fix' }),
  ),
  repeat: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Dwell: the how-manieth repetition within one stay (`repeatSeconds`)' }),
  ),
  overstay: Type.Optional(Type.Boolean({ description: 'Dwell: the stay reached `maxStaySeconds`' })),
  retracts: Type.Optional(Type.String({ description: 'Correction: the id of the event that does not stand' })),
  retractedEvent: Type.Optional(GeofenceTransition),
  severity: Type.Optional(Type.String()),
  tags: Type.Optional(Type.Array(Type.String())),
})
export type GeofenceEvent = Type.Static<typeof GeofenceEvent>
