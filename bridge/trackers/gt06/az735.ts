import { ByteReader, FrameTooShort } from '../byte-reader.ts'
import type { Alarm, Report } from '../report.ts'
import type { AttributeValue } from '../vocabulary.ts'
import { readDate, readFix } from './position.ts'

const ALARMS: Readonly<Record<number, Alarm>> = {
  162: 'low-battery',
  163: 'low-battery',
  164: 'general',
  165: 'door',
}
const ARMED = 0xa0
const DISARMED = 0xa1
/** The cell with its own length in front, as long as it is without a second number of the network. */
const CELL_BYTES = 9

/** Messages 0x32 and 0x33 in the long form: date, length of the fix, fix, cell with its length, more cells, Wi-Fi, state. */
export function readAz735(body: Buffer, isAlarm: boolean): Report[] {
  const timestamp = readDate(body, 0)
  if (timestamp === null) return []
  const length = body[6] ?? 0
  const gps = length === 0 ? null : readFix(body, 7, timestamp)
  const attributes: Record<string, AttributeValue> = gps === null ? {} : { satellites: gps.satellites }
  const alarms: Alarm[] = []
  try {
    const reader = new ByteReader(body.subarray(7 + length))
    const cell = reader.uint(1)
    if (cell >= CELL_BYTES) {
      reader.skip(cell - 1)
      attributes.rssi = reader.uint(1)
    }
    reader.skip(reader.uint(1))
    reader.skip(reader.uint(1))
    const state = reader.uint(1)
    if (isAlarm && (state === ARMED || state === DISARMED)) attributes.armed = state === ARMED
    else if (isAlarm && ALARMS[state] !== undefined) alarms.push(ALARMS[state])
    else attributes.event = state
  } catch (error) {
    if (!(error instanceof FrameTooShort)) throw error
  }
  return [{ timestamp, position: gps?.position ?? null, alarms, attributes }]
}
