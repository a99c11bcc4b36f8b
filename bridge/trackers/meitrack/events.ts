import type { Alarm } from '../report.ts'

/** Event codes of the "Meitrack GPRS Protocol" that are alarms. */
const ALARM_EVENTS: Readonly<Record<number, Alarm>> = {
  1: 'sos',
  17: 'low-battery',
  18: 'low-power',
  19: 'overspeed',
  20: 'geofence-enter',
  21: 'geofence-exit',
  22: 'power-restored',
  23: 'power-cut',
  36: 'tow',
  44: 'jamming',
  78: 'accident',
  90: 'hard-cornering',
  91: 'hard-cornering',
  129: 'hard-braking',
  130: 'hard-acceleration',
  135: 'fatigue-driving',
}

export function alarmsOfEvent(event: number): Alarm[] {
  const alarm = ALARM_EVENTS[event]
  return alarm === undefined ? [] : [alarm]
}
