import Type from 'typebox'

/**
 * What a device raises itself, as `attributes.alarms` of its fixes names it, whatever its protocol. `sos` is an SOS; those of
 * {@link ALARM_EVENT_KINDS} become alerts; the others are kept with the fix.
 */
export const ALARMS = [
  'sos',
  'power-cut',
  'power-restored',
  'low-battery',
  'low-power',
  'overspeed',
  'tow',
  'tampering',
  'vibration',
  'accident',
  'fall-down',
  'jamming',
  'gps-antenna-cut',
  'hard-acceleration',
  'hard-braking',
  'hard-cornering',
  'geofence-enter',
  'geofence-exit',
  'movement',
  'idle',
  'door',
  'ignition-on',
  'ignition-off',
  'temperature',
  'fuel-leak',
  'fatigue-driving',
  'fault',
  'general',
] as const
export type Alarm = (typeof ALARMS)[number]

/** Alerts that only a device itself can raise; no rule of ours knows of them. */
export const RAISED_KINDS = [
  'power-cut',
  'low-power',
  'tampering',
  'vibration',
  'accident',
  'fall-down',
  'jamming',
  'gps-antenna-cut',
] as const satisfies readonly Alarm[]
/** Alarms that are alerts under the same name: `{org}/notifications/device/{alarm}/{deviceId}`. */
export const ALARM_EVENT_KINDS = [
  'low-battery',
  'overspeed',
  'tow',
  'idle',
  ...RAISED_KINDS,
] as const satisfies readonly Alarm[]
export type AlarmEventKind = (typeof ALARM_EVENT_KINDS)[number]
export const AlarmEventKind = Type.Unsafe<AlarmEventKind>(Type.Union(ALARM_EVENT_KINDS.map(kind => Type.Literal(kind))))

export function isAlarmEventKind(name: unknown): name is AlarmEventKind {
  return (ALARM_EVENT_KINDS as readonly unknown[]).includes(name)
}

/** Seconds after which an alarm that is not raised again is over: states are told rarely, moments at once. */
const STATE_QUIET_SECONDS = 3_600
const MOMENT_QUIET_SECONDS = 300
const STATES: readonly AlarmEventKind[] = ['power-cut', 'low-battery', 'low-power']

export function defaultQuietSeconds(kind: AlarmEventKind): number {
  return STATES.includes(kind) ? STATE_QUIET_SECONDS : MOMENT_QUIET_SECONDS
}
