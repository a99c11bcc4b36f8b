import type { ByteReader } from '../byte-reader.ts'
import type { Alarm } from '../report.ts'
import type { Attributes, AttributeValue, KnownAttributes } from '../vocabulary.ts'
import type { AvlForm } from './decode.ts'

type Known = keyof KnownAttributes
interface Meaning {
  readonly name: Known
  read(value: number): AttributeValue
}

const as = (name: Known, factor = 1): Meaning => ({ name, read: value => Math.round(value * factor * 1e6) / 1e6 })
const isOne = (name: Known): Meaning => ({ name, read: value => value === 1 })

/** AVL ids that mean the same on all current models, by the maker's "AVL ID" lists. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  16: as('odometerMeters'),
  21: as('rssi'),
  66: as('powerVolts', 0.001),
  67: as('batteryVolts', 0.001),
  113: as('batteryPercent'),
  181: as('pdop', 0.1),
  182: as('hdop', 0.1),
  199: as('tripMeters'),
  239: isOne('ignition'),
  240: isOne('motion'),
  241: as('operator'),
}
/** Digital inputs 1 to 4 and outputs 1 and 2. */
const INPUTS: Readonly<Record<number, number>> = { 1: 0, 2: 1, 3: 2, 4: 3 }
const OUTPUTS: Readonly<Record<number, number>> = { 179: 0, 180: 1 }
const TEXTS: Readonly<Record<number, string>> = { 256: 'vin', 281: 'dtcs', 385: 'beacons' }
const DRIVER = 78
const BATTERY_PERCENT = 113
const LOW_BATTERY_PERCENT = 20
const ICCID = 11
const GREEN_DRIVING: Readonly<Record<number, Alarm>> = {
  1: 'hard-acceleration',
  2: 'hard-braking',
  3: 'hard-cornering',
}

/** An alarm that an element means by its value, when it is what the record was sent for. */
function alarmOf(id: number, value: number): Alarm | null {
  if (id === 253) return GREEN_DRIVING[value] ?? null
  // Personal trackers report their battery when it runs low.
  if (id === BATTERY_PERCENT) return value <= LOW_BATTERY_PERCENT ? 'low-battery' : null
  if (value === 0) return null
  switch (id) {
    case 236:
      return 'sos'
    case 246:
      return 'tow'
    case 247:
      return 'accident'
    case 249:
      return 'jamming'
    case 251:
      return 'idle'
    case 252:
      return 'power-cut'
    case 255:
      return 'overspeed'
    default:
      return null
  }
}

/**
 * Reads the IO elements of a record: groups of 1, 2, 4 and 8 bytes, and of any length.
 * @param event the id of the element that the record was sent for; 0 for none
 */
export function readElements(
  reader: ByteReader,
  form: AvlForm,
  event: number,
): { attributes: Attributes; alarms: Alarm[] } {
  const attributes: Record<string, AttributeValue> = {}
  const alarms: Alarm[] = []
  for (const length of [1, 2, 4, 8] as const) {
    for (let left = reader.uint(form.countBytes); left > 0; left--) {
      const id = reader.uint(form.idBytes)
      if (length === 8) setLong(attributes, id, reader.uint64())
      else {
        const value = setNumber(attributes, id, reader.uint(length))
        const alarm = id === event ? alarmOf(id, value) : null
        if (alarm !== null) alarms.push(alarm)
      }
    }
  }
  if (form.wide) {
    for (let left = reader.uint(1); left > 0; left--) setBytes(attributes, reader.uint(1), reader.bytes(16))
  }
  if (form.variable) {
    for (let left = reader.uint(form.countBytes); left > 0; left--) {
      const id = reader.uint(form.idBytes)
      setBytes(attributes, id, reader.bytes(reader.uint(2)))
    }
  }
  return { attributes, alarms }
}

function setNumber(attributes: Record<string, AttributeValue>, id: number, value: number): number {
  const meaning = MEANINGS[id]
  const input = INPUTS[id]
  const output = OUTPUTS[id]
  if (meaning !== undefined) attributes[meaning.name] = meaning.read(value)
  else if (input !== undefined) setBit(attributes, 'inputs', input, value)
  else if (output !== undefined) setBit(attributes, 'outputs', output, value)
  else attributes[`io${id}`] = value
  return value
}

function setBit(attributes: Record<string, AttributeValue>, name: Known, bit: number, value: number): void {
  attributes[name] = Number(attributes[name] ?? 0) | ((value === 0 ? 0 : 1) << bit)
}

function setLong(attributes: Record<string, AttributeValue>, id: number, value: bigint): void {
  if (id === DRIVER) {
    if (value !== 0n) attributes.driverId = value.toString(16).padStart(16, '0')
  } else if (id === ICCID) attributes.iccid = String(value)
  // A number beyond 2^53 would lose its last digits.
  else attributes[`io${id}`] = value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)
}

function setBytes(attributes: Record<string, AttributeValue>, id: number, bytes: Buffer): void {
  if (bytes.length === 0) return
  const isText = id === 256 || id === 281
  attributes[TEXTS[id] ?? `io${id}`] = isText
    ? bytes.toString('latin1').replace(/,/g, ' ').trim()
    : bytes.toString('hex')
}
