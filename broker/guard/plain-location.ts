import type { Location, LocationUpdate } from '../../contract/index.ts'
import { isAt } from './same-bytes.ts'
import { ShortTexts } from './short-texts.ts'

/** Almost all fixes are shorter. */
const MOST_BYTES = 2_048
/** A whole number of so many digits is exact in a double, and so is a power of ten of as many: their quotient is rounded once, as is what JSON.parse makes. */
const EXACT_DIGITS = 15
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, digits) => 10 ** digits)
/** The largest time value, as the schema has it. */
const MOST_MS = 8_640_000_000_000_000
const MOST_TEXT = 64
/** Members of a fix that are expected. */
const MOST_MEMBERS = 64
const LEARNS_FROM = 16
/** No fix has a byte there. */
const NOWHERE = MOST_BYTES + 1

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const DELETE = 0x7f
const EXPONENT = 0x65
const EXPONENT_UPPER = 0x45

const WORDS: readonly (readonly [Buffer, boolean | null])[] = [
  [Buffer.from('true'), true],
  [Buffer.from('false'), false],
  [Buffer.from('null'), null],
]

/** What stands before the value of a member: `{"lat":`, `,"lng":`. */
interface Expected {
  readonly name: string
  readonly opening: number
  readonly bytes: Uint8Array
}
type Plain = string | number | boolean | null
type Values = Record<string, Plain>

/**
 * Reads a fix as devices write it in one pass over its bytes: ASCII without escapes, nothing nested in `metadata` and `attributes`, and
 * all as the schema of `LocationUpdate` has it. What it reads is what `decodePayload` makes of the same bytes. Of anything else, and of
 * anything at fault, it makes nothing: `decodePayload` reads that, or says what the fault is.
 */
export class PlainLocationReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  /** So many were met in this fix. */
  #members = 0
  /** By their place in a fix. */
  readonly #expected: Expected[] = []
  #surprises = 0
  readonly #texts = new ShortTexts()

  /**
   * @param deviceId of the topic; a fix that names another is not plain
   * @returns undefined where it is not plain
   */
  read(bytes: Buffer, deviceId: string): LocationUpdate | undefined {
    if (bytes.length > MOST_BYTES) return undefined
    this.#bytes = bytes
    this.#at = 0
    this.#members = 0
    const fix = this.#fix(deviceId)
    return fix !== undefined && this.#isAtEnd() ? fix : undefined
  }

  #fix(ofTopic: string): LocationUpdate | undefined {
    let timestamp: number | undefined
    let location: Location | undefined
    let metadata: Values | undefined
    let attributes: Values | undefined
    let isNamed = false
    for (let key = this.#next(OPEN); key !== undefined; key = this.#next(COMMA)) {
      switch (key) {
        case 'timestamp':
          timestamp = this.#number()
          if (!Number.isInteger(timestamp) || timestamp < 0 || timestamp > MOST_MS) return undefined
          break
        case 'location':
          location = this.#location()
          if (location === undefined) return undefined
          break
        case 'metadata':
          metadata = this.#values()
          if (metadata === undefined || !isMetadata(metadata)) return undefined
          break
        case 'attributes':
          attributes = this.#values()
          if (attributes === undefined) return undefined
          break
        case 'deviceId':
          if (!this.#takes(QUOTE) || this.#text() !== ofTopic) return undefined
          isNamed = true
          break
        default:
          return undefined
      }
    }
    if (!this.#takes(CLOSE) || timestamp === undefined || location === undefined) return undefined
    const fix = fixOf(timestamp, location, metadata, attributes)
    return isNamed ? { deviceId: ofTopic, ...fix } : fix
  }

  #location(): Location | undefined {
    let lat = Number.NaN
    let lng = Number.NaN
    let accuracy: number | undefined
    let speed: number | undefined
    let heading: number | undefined
    let altitude: number | undefined
    for (let key = this.#next(OPEN); key !== undefined; key = this.#next(COMMA)) {
      const value = this.#number()
      switch (key) {
        case 'lat':
          lat = value
          break
        case 'lng':
          lng = value
          break
        case 'accuracy':
          if (!(value >= 0)) return undefined
          accuracy = value
          break
        case 'speed':
          if (!(value >= 0)) return undefined
          speed = value
          break
        case 'heading':
          if (!(value >= 0 && value <= 360)) return undefined
          heading = value
          break
        case 'altitude':
          if (Number.isNaN(value)) return undefined
          altitude = value
          break
        default:
          return undefined
      }
    }
    if (!this.#takes(CLOSE) || !(lat >= -90 && lat <= 90 && lng >= -180 && lng <= 180)) return undefined
    if (accuracy !== undefined && speed !== undefined && heading !== undefined && altitude !== undefined) {
      return { lat, lng, accuracy, speed, heading, altitude }
    }
    const location: Location = { lat, lng }
    if (accuracy !== undefined) location.accuracy = accuracy
    if (speed !== undefined) location.speed = speed
    if (heading !== undefined) location.heading = heading
    if (altitude !== undefined) location.altitude = altitude
    return location
  }

  #values(): Values | undefined {
    const values: Values = {}
    for (let key = this.#next(OPEN); key !== undefined; key = this.#next(COMMA)) {
      // Assigned, this one would be no key.
      if (key === '__proto__') return undefined
      const value = this.#plain()
      if (value === undefined) return undefined
      values[key] = value
    }
    return this.#takes(CLOSE) ? values : undefined
  }

  #plain(): Plain | undefined {
    if (this.#takes(QUOTE)) return this.#text()
    const first = this.#bytes[this.#at]!
    if (first === MINUS || isDigit(first)) {
      const value = this.#number()
      return Number.isNaN(value) ? undefined : value
    }
    for (const [word, value] of WORDS) {
      const end = this.#at + word.length
      if (end > this.#bytes.length || this.#bytes.compare(word, 0, word.length, this.#at, end) !== 0) continue
      this.#at = end
      return value
    }
    return undefined
  }

  /**
   * Goes to the value of the next member: its name; undefined where the object ends, or what stands there is not plain. It is mostly what stood there in
   * the fix before, and compared as a whole.
   */
  #next(opening: typeof OPEN | typeof COMMA): string | undefined {
    const expected = this.#expected[this.#members]
    const start = this.#at
    if (expected !== undefined && expected.opening === opening && isAt(expected.bytes, this.#bytes, start)) {
      this.#at = start + expected.bytes.length
      this.#members += 1
      return expected.name
    }
    if (!this.#takes(opening)) return undefined
    const name = this.#takes(QUOTE) ? this.#text() : undefined
    if (name === undefined || !this.#takes(COLON)) {
      // Behind a comma there has to be a member.
      if (opening === COMMA) this.#at = NOWHERE
      return undefined
    }
    this.#learn(name, opening, start)
    this.#members += 1
    return name
  }

  /** Not each time: devices that write differently take turns. */
  #learn(name: string, opening: number, start: number): void {
    const members = this.#members
    if (members >= MOST_MEMBERS) return
    this.#surprises += 1
    if (members < this.#expected.length && this.#surprises % LEARNS_FROM !== 0) return
    this.#expected[members] = { name, opening, bytes: Uint8Array.prototype.slice.call(this.#bytes, start, this.#at) }
  }

  /** Behind its opening quotation mark. */
  #text(): string | undefined {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    let hash = 0
    for (;;) {
      // Past the end it is undefined, which is no text either.
      const byte = bytes[at]!
      if (byte === QUOTE) break
      if (!(byte >= SPACE && byte <= DELETE) || byte === BACKSLASH) return undefined
      hash = (Math.imul(hash, 31) + byte) | 0
      at += 1
    }
    this.#at = at + 1
    return this.#texts.at(bytes, start, at, hash)
  }

  /** NaN where there is none, or an unusual one. */
  #number(): number {
    const bytes = this.#bytes
    this.#skipSpace()
    const start = this.#at
    let at = start
    const isNegative = bytes[at] === MINUS
    if (isNegative) at += 1
    const wholeAt = at
    let digits = 0
    let whole = 0
    for (; isDigit(bytes[at]!); at += 1) {
      whole = whole * 10 + (bytes[at]! - ZERO)
      digits += 1
    }
    // JSON writes no zero before other digits, and a digit on both sides of the point.
    if (digits === 0 || (digits > 1 && bytes[wholeAt] === ZERO)) return Number.NaN
    let decimals = 0
    if (bytes[at] === POINT) {
      at += 1
      for (; isDigit(bytes[at]!); at += 1) {
        whole = whole * 10 + (bytes[at]! - ZERO)
        decimals += 1
      }
      if (decimals === 0) return Number.NaN
    }
    if (bytes[at] === EXPONENT || bytes[at] === EXPONENT_UPPER) return Number.NaN
    this.#at = at
    if (digits + decimals > EXACT_DIGITS) {
      const value = Number(bytes.toString('latin1', start, at))
      return Number.isFinite(value) ? value : Number.NaN
    }
    const value = decimals === 0 ? whole : whole / POWERS_OF_TEN[decimals]!
    return isNegative ? -value : value
  }

  #takes(byte: number): boolean {
    this.#skipSpace()
    if (this.#bytes[this.#at] !== byte) return false
    this.#at += 1
    return true
  }

  #isAtEnd(): boolean {
    this.#skipSpace()
    return this.#at === this.#bytes.length
  }

  #skipSpace(): void {
    const bytes = this.#bytes
    let at = this.#at
    // Space, tab, line feed and carriage return. RFC 8259 §2
    while (bytes[at]! <= SPACE && isSpace(bytes[at]!)) at += 1
    this.#at = at
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isMetadata({ battery, network, activity }: Values): boolean {
  return (
    (battery === undefined || (typeof battery === 'number' && battery >= 0 && battery <= 100)) &&
    (network === undefined || isShort(network)) &&
    (activity === undefined || isShort(activity))
  )
}

function isShort(value: Plain): boolean {
  return typeof value === 'string' && value.length <= MOST_TEXT
}

/** Written out: objects that gain keys one by one cost more than all the rest of this. */
function fixOf(
  timestamp: number,
  location: Location,
  metadata: Values | undefined,
  attributes: Values | undefined,
): LocationUpdate {
  if (metadata === undefined) {
    return attributes === undefined ? { timestamp, location } : { timestamp, location, attributes }
  }
  return attributes === undefined ? { timestamp, location, metadata } : { timestamp, location, metadata, attributes }
}
