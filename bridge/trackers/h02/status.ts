import type { Alarm } from '../report.ts'
import type { Attributes } from '../vocabulary.ts'

const IGNITION = 10
/** Bits are inverted: zero means that it is so. */
const ALARM_BITS: readonly (readonly [bit: number, alarm: Alarm])[] = [
  [0, 'vibration'],
  [1, 'sos'],
  [2, 'overspeed'],
  [18, 'sos'],
  [19, 'power-cut'],
  [20, 'low-battery'],
]

/** The four status bytes as one number. */
export function readStatusBits(status: number): { alarms: Alarm[]; attributes: Attributes } {
  const isZero = (bit: number) => ((status >>> bit) & 1) === 0
  const alarms = ALARM_BITS.filter(([bit]) => isZero(bit)).map(([, alarm]) => alarm)
  // Bit 20 falls with the supply: on its own it is no low battery.
  const told = alarms.includes('power-cut') ? alarms.filter(alarm => alarm !== 'low-battery') : alarms
  return { alarms: [...new Set(told)], attributes: { ignition: !isZero(IGNITION) } }
}
