import type { Alarm } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'

export interface Status {
  readonly alarms: readonly Alarm[]
  readonly attributes: Attributes
}

/** The alarm byte of the makers' documents; models differ in the higher ones. */
const ALARM_CODES: Readonly<Record<number, Alarm>> = {
  1: 'sos',
  2: 'power-cut',
  3: 'vibration',
  4: 'geofence-enter',
  5: 'geofence-exit',
  6: 'overspeed',
  9: 'movement',
  12: 'tampering',
  14: 'low-power',
  15: 'low-battery',
  19: 'tampering',
  20: 'door',
  25: 'low-battery',
  35: 'fall-down',
  37: 'tampering',
  38: 'hard-acceleration',
  40: 'hard-braking',
  41: 'hard-acceleration',
  42: 'hard-cornering',
  43: 'hard-cornering',
  44: 'accident',
  48: 'hard-braking',
}

/** Bits 3 to 5 of the terminal information: 1 vibration, 2 power cut, 3 low battery, 4 SOS. */
const TERMINAL_ALARMS: Readonly<Record<number, Alarm>> = { 1: 'vibration', 2: 'power-cut', 3: 'low-battery', 4: 'sos' }
/** Voltage levels 0 to 6 of the documents; newer models write per cent. */
const FULL_LEVEL = 6

export function alarmOf(code: number): Alarm | undefined {
  return ALARM_CODES[code]
}

/** Terminal information, voltage level, strength of the network, then (in alarms) the alarm. */
export function readStatus(body: Buffer, at: number): Status | null {
  if (body.length < at + 3) return null
  const information = body[at]!
  const level = body[at + 1]!
  const alarm = TERMINAL_ALARMS[(information >> 3) & 0x07]
  return {
    alarms: alarm === undefined ? [] : [alarm],
    attributes: {
      armed: (information & 0x01) !== 0,
      ignition: (information & 0x02) !== 0,
      charging: (information & 0x04) !== 0,
      blocked: (information & 0x80) !== 0,
      ...(level <= 100 && { batteryPercent: level <= FULL_LEVEL ? Math.floor((level * 100) / FULL_LEVEL) : level }),
      rssi: body[at + 2]!,
    },
  }
}

/** Status, level, network, alarm and language are the last 5 bytes, unless a card number of 8 or 2 more bytes follow. */
export function readAlarmStatus(rest: Buffer, type: number): Status {
  const behind = type === 0xa4 ? 2 : rest.length === 22 ? 8 : 0
  const at = rest.length - behind - 5
  const status = at < 0 ? null : readStatus(rest, at)
  if (status === null) return { alarms: [], attributes: {} }
  const code = rest[at + 3]!
  const alarm = alarmOf(code)
  const alarms = [...(alarm === undefined ? [] : [alarm]), ...status.alarms]
  const attributes = alarm === undefined && code > 0 ? { ...status.attributes, event: code } : status.attributes
  return { alarms: [...new Set(alarms)], attributes }
}
