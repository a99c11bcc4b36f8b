import Type from 'typebox'
import { Id, TimestampMs } from './ids.ts'
import { Location } from './location-update.ts'

/**
 * What a device or its driver sends. `id` is the sender's: repeats of it are one alert.
 * Unknown keys are let through: nobody's cry for help is refused for an extra field.
 */
export const SosRequest = Type.Object({
  action: Type.Union([Type.Literal('trigger'), Type.Literal('cancel')]),
  id: Id,
  timestamp: TimestampMs,
  location: Type.Optional(Location),
  message: Type.Optional(Type.String({ maxLength: 2_000 })),
})
export type SosRequest = Type.Static<typeof SosRequest>

/** What a dispatcher sends to acknowledge or resolve. An empty payload means no note. */
export const SosAnswer = Type.Object({
  by: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Who; the sender when left out' })),
  note: Type.Optional(Type.String({ maxLength: 2_000 })),
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
  tier: Type.Optional(Type.Integer({ minimum: 0 })),
})
export type SosEvent = Type.Static<typeof SosEvent>
