import Type from 'typebox'
import { Id, TimestampMs } from './ids.ts'
import { Location, LocationUpdate } from './location-update.ts'

export const SosAction = Type.Union([Type.Literal('trigger'), Type.Literal('cancel')])

export const MAX_SOS_TEXT = 2_000

/**
 * What a device or its driver sends. `id` is the sender's: repeats of it are one alert.
 * Unknown keys are let through, and what else is wrong is mended by {@link readSosRequest}: nobody's cry for help is refused for a field.
 */
export const SosRequest = Type.Object({
  action: SosAction,
  id: Id,
  timestamp: TimestampMs,
  location: Type.Optional(Location),
  message: Type.Optional(Type.String({ maxLength: MAX_SOS_TEXT })),
  drill: Type.Optional(Type.Boolean({ description: 'An exercise: told apart everywhere, else the same' })),
})
export type SosRequest = Type.Static<typeof SosRequest>

/** What a request must say to be understood; everything else is read by {@link readSosRequest}. */
export const SosCry = Type.Object({ action: SosAction })
export type SosCry = Type.Static<typeof SosCry> & Readonly<Record<string, unknown>>

/** How an alert ended, with `resolve`; `resolved` when left out. */
export const SosOutcome = Type.Union([Type.Literal('resolved'), Type.Literal('false-alarm')], {
  description: 'How it ended; `resolved` when left out. Counts with resolve alone',
})
export type SosOutcome = Type.Static<typeof SosOutcome>

/** What a dispatcher sends to acknowledge or resolve. An empty payload means no note. */
export const SosAnswer = Type.Object({
  by: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Who; the sender when left out' })),
  note: Type.Optional(Type.String({ maxLength: MAX_SOS_TEXT })),
  outcome: Type.Optional(SosOutcome),
})
export type SosAnswer = Type.Static<typeof SosAnswer>

export const SosTransition = Type.Union([
  Type.Literal('triggered'),
  Type.Literal('acknowledged'),
  Type.Literal('escalated'),
  Type.Literal('resolved'),
  Type.Literal('cancelled'),
])
export type SosTransition = Type.Static<typeof SosTransition>

/** `id` is the event's own and deterministic; `alertId` is the alert's, the one in topics and URLs. */
export const SosEvent = Type.Object({
  id: Id,
  alertId: Id,
  event: SosTransition,
  deviceId: Id,
  timestamp: TimestampMs,
  openedAt: TimestampMs,
  location: Type.Optional(Location),
  message: Type.Optional(Type.String()),
  by: Type.Optional(Type.String()),
  note: Type.Optional(Type.String()),
  tier: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Of `escalated`: which tier is told; 0 = those whom `triggered` told' }),
  ),
  repeat: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'The tier is told once more, for the so manieth time: nobody acknowledged',
    }),
  ),
  round: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Acknowledged and not closed in time, so the escalation began again, for the so manieth time',
    }),
  ),
  notify: Type.Optional(
    Type.Array(Type.String(), { description: 'Of `escalated`: whom the policy names for the tier' }),
  ),
  outcome: Type.Optional(SosOutcome),
  drill: Type.Optional(Type.Literal(true, { description: 'An exercise' })),
  late: Type.Optional(
    Type.Literal(true, { description: 'It arrived long after it happened: `openedAt` is when it happened' }),
  ),
  receivedAt: Type.Optional(Type.Integer({ description: 'Of a late alert: when its trigger arrived' })),
})
export type SosEvent = Type.Static<typeof SosEvent>

/** One stored fix of a device whose alert is open. */
export const SosTrailPoint = Type.Object({
  ...LocationUpdate.properties,
  alertId: Id,
  late: Type.Optional(Type.Literal(true, { description: 'Older than the newest known fix' })),
})
export type SosTrailPoint = Type.Static<typeof SosTrailPoint>
