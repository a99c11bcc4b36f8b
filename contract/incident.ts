import Type from 'typebox'
import { RAISED_KINDS } from './device-alarm.ts'
import { DEVICE_EVENT_KINDS } from './device-event.ts'
import { Id, TimestampMs } from './ids.ts'
import { Location } from './location-update.ts'

/** What is looked after: conditions of devices that last, fences with a severity, stays that are too long, and storms. */
export const INCIDENT_KINDS = [
  'offline',
  'overspeed',
  'idle',
  'tow',
  'low-battery',
  'off-route',
  'near',
  'identity-clash',
  ...RAISED_KINDS,
  'geofence',
  'overstay',
  'storm',
] as const
export type IncidentKind = (typeof INCIDENT_KINDS)[number]
export const IncidentKind = Type.Unsafe<IncidentKind>(Type.Union(INCIDENT_KINDS.map(kind => Type.Literal(kind))))

const Note = Type.String({ maxLength: 2_000 })

export const IncidentState = Type.Union([Type.Literal('open'), Type.Literal('acknowledged'), Type.Literal('closed')])
export type IncidentState = Type.Static<typeof IncidentState>

/** What happened to it last; `opened` alone is news to a person. */
export const IncidentChange = Type.Union(
  [
    Type.Literal('opened'),
    Type.Literal('updated'),
    Type.Literal('reopened'),
    Type.Literal('announced'),
    Type.Literal('acknowledged'),
    Type.Literal('closed'),
    Type.Literal('joined-storm'),
    Type.Literal('left-storm'),
  ],
  { description: '`opened` is news to a person; `reopened` within the cooldown is not' },
)
export type IncidentChange = Type.Static<typeof IncidentChange>

/** What an incident is about is watched no more: it ends without an event. */
export const CAUSES_GONE = ['fence-deleted', 'fence-changed', 'rule-off', 'rule-deleted', 'rule-changed'] as const
export type CauseGone = (typeof CAUSES_GONE)[number]

/** Why an incident is closed. */
export const CLOSING_REASONS = ['ended', 'by-hand', 'retracted', 'too-short', ...CAUSES_GONE] as const
export type ClosingReason = (typeof CLOSING_REASONS)[number]

/** An alert as something that lasts, that people look after. All times in milliseconds since the Unix epoch. */
export const Incident = Type.Object({
  incidentId: Id,
  kind: IncidentKind,
  state: IncidentState,
  change: IncidentChange,
  text: Type.String({ description: 'One clause for a person' }),
  deviceId: Type.Optional(Id),
  fenceId: Type.Optional(Id),
  otherDeviceId: Type.Optional(Id),
  source: Type.Optional(Type.Literal('device', { description: 'The device raised it itself' })),
  severity: Type.Optional(Type.String()),
  location: Type.Optional(Location),
  openedAt: Type.Integer({ description: 'When its condition first began' }),
  lastSeenAt: Type.Integer({ description: 'The newest time anything was heard of the condition' }),
  count: Type.Integer({ minimum: 0, description: 'How many times the condition began' }),
  partOf: Type.Optional(Type.String({ description: 'The storm that speaks for it' })),
  acknowledged: Type.Optional(Type.Object({ by: Type.String(), at: TimestampMs, note: Type.Optional(Note) })),
  closed: Type.Optional(
    Type.Object({
      reason: Type.Unsafe<ClosingReason>(
        Type.Union(
          CLOSING_REASONS.map(reason => Type.Literal(reason)),
          {
            description:
              '`retracted`: later data show that there was nothing; `fence-changed`: the fence no longer asks for it, or no longer concerns the device; the last five: nobody watches it any more, whatever its condition',
          },
        ),
      ),
      at: TimestampMs,
      by: Type.Optional(Type.String()),
      note: Type.Optional(Note),
    }),
  ),
  storm: Type.Optional(
    Type.Object({
      kind: IncidentKind,
      count: Type.Integer({ description: 'Devices that are in it now' }),
      total: Type.Integer({ description: 'Devices that were in it' }),
      firstDevices: Type.Array(Id, { description: 'The first ten' }),
      since: TimestampMs,
    }),
  ),
})
export type Incident = Type.Static<typeof Incident>

/** What a person says when acknowledging or closing. */
export const IncidentAnswer = Type.Object(
  { by: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })), note: Type.Optional(Note) },
  { additionalProperties: false },
)
export type IncidentAnswer = Type.Static<typeof IncidentAnswer>

const DAY_SECONDS = 86_400
const Seconds = Type.Number({ minimum: 0, maximum: DAY_SECONDS })
const perKind = (description: string) =>
  Type.Object(
    Object.fromEntries(INCIDENT_KINDS.map(kind => [kind, Type.Optional(Seconds)])) as Record<
      IncidentKind,
      Type.TOptional<typeof Seconds>
    >,
    { additionalProperties: false, description },
  )

/** How an organisation's alerts are looked after. Whatever is left out has its default. */
export const IncidentSettings = Type.Object(
  {
    cooldownSeconds: Type.Optional(
      perKind('A condition that begins again so soon after its end re-opens its incident, without news'),
    ),
    minSeconds: Type.Optional(perKind('A condition is news only once it has lasted so long')),
    storm: Type.Optional(
      Type.Object(
        {
          devices: Type.Optional(
            Type.Integer({ minimum: 0, maximum: 100_000, description: 'So many devices are a storm; 0 = never' }),
          ),
          windowSeconds: Type.Optional(Type.Number({ minimum: 1, maximum: DAY_SECONDS })),
        },
        { additionalProperties: false, description: 'Many devices that begin the same within the window' },
      ),
    ),
  },
  { additionalProperties: false },
)
export type IncidentSettings = Type.Static<typeof IncidentSettings>

/** Settings with nothing left out. */
export interface CompleteIncidentSettings {
  readonly cooldownSeconds: Readonly<Record<IncidentKind, number>>
  readonly minSeconds: Readonly<Record<IncidentKind, number>>
  readonly storm: { readonly devices: number; readonly windowSeconds: number }
}

const everyKind = (seconds: number): Record<IncidentKind, number> =>
  Object.fromEntries(INCIDENT_KINDS.map(kind => [kind, seconds])) as Record<IncidentKind, number>

/** What flaps by its nature has a cooldown; what the rules themselves confirm needs no minimum duration. */
export const DEFAULT_INCIDENT_SETTINGS: CompleteIncidentSettings = {
  cooldownSeconds: {
    ...everyKind(0),
    offline: 120,
    near: 120,
    overspeed: 60,
    'off-route': 60,
    'power-cut': 120,
    storm: 600,
  },
  minSeconds: everyKind(0),
  storm: { devices: 25, windowSeconds: 60 },
}

export function completeIncidentSettings(given: IncidentSettings): CompleteIncidentSettings {
  const { cooldownSeconds, minSeconds, storm } = DEFAULT_INCIDENT_SETTINGS
  return {
    cooldownSeconds: { ...cooldownSeconds, ...given.cooldownSeconds },
    minSeconds: { ...minSeconds, ...given.minSeconds },
    storm: { ...storm, ...given.storm },
  }
}

/** The notifications of devices that a storm may stand for. */
export function mayStorm(kind: IncidentKind): boolean {
  return (DEVICE_EVENT_KINDS as readonly string[]).includes(kind)
}
