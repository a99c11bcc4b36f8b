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
  9: 'vibration',
  12: 'tampering',
  14: 'low-battery',
  15: 'low-battery',
  17: 'power-cut',
  19: 'tampering',
  20: 'door',
  21: 'low-battery',
  23: 'jamming',
  24: 'tampering',
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
  254: 'ignition-on',
  255: 'ignition-off',
}

/** Bits 3 to 5 of the terminal information. */
const TERMINAL_ALARMS: Readonly<Record<number, Alarm>> = {
  1: 'vibration',
  2: 'power-cut',
  3: 'low-battery',
  4: 'sos',
  7: 'tampering',
}
/** Voltage levels 0 to 6 of the documents; newer models write per cent. */
const FULL_LEVEL = 6

export function alarmOf(code: number): Alarm | undefined {
  return ALARM_CODES[code]
}

function readInformation(information: number): Status {
  const alarm = TERMINAL_ALARMS[(information >> 3) & 0x07]
  return {
    alarms: alarm === undefined ? [] : [alarm],
    attributes: {
      armed: (information & 0x01) !== 0,
      ignition: (information & 0x02) !== 0,
      charging: (information & 0x04) !== 0,
      blocked: (information & 0x80) !== 0,
    },
  }
}

/** Terminal information, voltage level, strength of the network, then (in alarms) the alarm. */
export function readStatus(body: Buffer, at: number): Status | null {
  if (body.length < at + 3) return null
  const { alarms, attributes } = readInformation(body[at]!)
  const level = body[at + 1]!
  const batteryPercent = level <= FULL_LEVEL ? Math.floor((level * 100) / FULL_LEVEL) : level
  return { alarms, attributes: { ...attributes, ...(level <= 100 && { batteryPercent }), rssi: body[at + 2]! } }
}

/** Message 0x23: terminal information, the battery in hundredths of a volt, strength of the network. */
export function readHeartbeat(body: Buffer): Status | null {
  if (body.length === 0) return null
  const { alarms, attributes } = readInformation(body[0]!)
  if (body.length < 3) return { alarms, attributes }
  const batteryVolts = body.readUInt16BE(1) / 100
  return { alarms, attributes: { ...attributes, batteryVolts, ...(body.length > 3 && { rssi: body[3]! }) } }
}

/** Message 0x13 in its long form: information, satellites, alarm, language, battery in per cent, and what the device counts. */
export function readLongStatus(body: Buffer): Status {
  const batteryPercent = body[5]!
  return {
    ...withAlarm({ alarms: [], attributes: {} }, body[3]!),
    attributes: batteryPercent <= 100 ? { batteryPercent } : {},
  }
}

/** Behind the cell of a position 0x12: information, the supply in hundredths of a volt, network, and with `hasAlarm` the alarm. */
export function readSupplyStatus(rest: Buffer, hasAlarm: boolean): Status {
  const { alarms, attributes } = readInformation(rest[0]!)
  const status = { alarms, attributes: { ...attributes, powerVolts: rest.readUInt16BE(1) / 100, rssi: rest[3]! } }
  return hasAlarm ? withAlarm(status, rest[4]!) : status
}

function withAlarm({ alarms, attributes }: Status, code: number): Status {
  const alarm = alarmOf(code)
  if (alarm === undefined) return { alarms, attributes: code > 0 ? { ...attributes, event: code } : attributes }
  return { alarms: [...new Set([alarm, ...alarms])], attributes }
}

/** Status, level, network, alarm and language are the last 5 bytes, but that a fence's number or a card's of 8 bytes may follow. */
export function readAlarmStatus(rest: Buffer, type: number): Status {
  const behind = type === 0xa4 || (type === 0x27 && rest.length === 15) ? 1 : rest.length === 22 ? 8 : 0
  const at = rest.length - behind - 5
  const status = at < 0 ? null : readStatus(rest, at)
  return status === null ? { alarms: [], attributes: {} } : withAlarm(status, rest[at + 3]!)
}
