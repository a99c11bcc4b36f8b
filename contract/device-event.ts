import Type from 'typebox'
import { RAISED_KINDS } from './device-alarm.ts'
import { Id, TimestampMs } from './ids.ts'
import { Location } from './location-update.ts'

/** What is announced of a device, beside fences and SOS: the last topic level of its notifications. */
export const DEVICE_EVENT_KINDS = [
  'online',
  'offline',
  'low-battery',
  'overspeed',
  'idle',
  'moving',
  'stationary',
  'tow',
  'near',
  'far',
  'off-route',
  'identity-clash',
  ...RAISED_KINDS,
] as const
export const DeviceEventKind = Type.Union(DEVICE_EVENT_KINDS.map(kind => Type.Literal(kind)))
export type DeviceEventKind = (typeof DEVICE_EVENT_KINDS)[number]

/**
 * What a rule says of a device, or the device of itself. A condition that lasts (overspeed, idle, tow, low battery, off route, power cut) is one `begin` and one `end`
 * with the same `episode`; `id` is the event's own, the same however often it is computed. A `correction` retracts an event that
 * later data contradict.
 */
export const DeviceEvent = Type.Object({
  id: Id,
  event: Type.Unsafe<DeviceEventKind>(DeviceEventKind),
  phase: Type.Union([Type.Literal('begin'), Type.Literal('end'), Type.Literal('correction')], {
    description: '`begin` and `end` of what lasts; `begin` alone of what is only a moment; `correction` of either',
  }),
  episode: Type.Optional(Type.String({ description: 'The same for the begin and the end of one lasting condition' })),
  deviceId: Id,
  timestamp: TimestampMs,
  location: Type.Optional(Location),
  late: Type.Optional(Type.Boolean({ description: 'Revealed only by fixes that arrived late' })),
  source: Type.Optional(
    Type.Literal('device', { description: 'The device raised it itself (`attributes.alarms`); else a rule did' }),
  ),
  inferred: Type.Optional(Type.Boolean({ description: 'By the clock, not by a fix' })),
  fenceId: Type.Optional(Id),
  otherDeviceId: Type.Optional(Id),
  value: Type.Optional(
    Type.Number({ description: 'What was measured: metres per second, per cent, metres or seconds, by event' }),
  ),
  limit: Type.Optional(Type.Number({ description: 'What it was measured against, in the same unit' })),
  maximum: Type.Optional(Type.Number({ description: 'End: the worst value of the episode' })),
  seconds: Type.Optional(Type.Number({ minimum: 0, description: 'End: how long the episode lasted' })),
  severity: Type.Optional(Type.String()),
  retracts: Type.Optional(Type.String({ description: 'Correction: the id of the event that does not stand' })),
})
export type DeviceEvent = Type.Static<typeof DeviceEvent>
