import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { CHANNEL_NAMES, CHANNELS, type Channel, type ChannelName, type PayloadOf } from './channels.ts'
import { TrackwireError } from './errors.ts'
import { FUTURE_TOLERANCE_MS, GPS_EPOCH_MS, LocationUpdate, MAX_BATCH } from './location-update.ts'
import { SosCry } from './sos.ts'

/** 256 KiB: the largest payload of a message or request body. */
export const MAX_PAYLOAD_BYTES = 262_144
/** Free-form parts (`metadata`, `attributes`) nest no deeper than this. */
const MAX_DEPTH = 16
const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true })

type Validator = ReturnType<typeof Compile>
const compiled = new Map<TSchema, Validator>()

function validatorOf(schema: TSchema): Validator {
  let validator = compiled.get(schema)
  if (validator === undefined) {
    validator = Compile(schema)
    compiled.set(schema, validator)
  }
  return validator
}

/** Checks a value against a schema of the contract, compiled once. Errors: `payload_invalid` with `details.path`. */
export function checkSchema<S extends TSchema>(schema: S, value: unknown): Static<S> {
  const validator = validatorOf(schema)
  if (validator.Check(value)) return value as Static<S>
  const faults = insideUnions([...validator.Errors(value)])
  // `additionalProperties` and `boolean` come as a pair; the one with the path names the key.
  const fault = faults.find(({ keyword }) => keyword !== 'anyOf') ?? faults[0]
  const path = fault?.instancePath || '/'
  const message =
    fault?.keyword === 'boolean'
      ? 'is not a known key'
      : constantsOf(faults, path) || (fault?.message ?? 'is not valid')
  throw new TrackwireError('payload_invalid', `${path} ${message}`, { details: { path } })
}

type Fault = ReturnType<Validator['Errors']>[number]

/** Where something inside a value is at fault, the value itself is only of another type in another branch of a union. */
function insideUnions(faults: readonly Fault[]): readonly Fault[] {
  const isElsewhere = ({ keyword, instancePath }: Fault) =>
    keyword === 'type' && faults.some(other => other.instancePath.startsWith(`${instancePath}/`))
  return faults.filter(fault => !isElsewhere(fault))
}

/** "must be trigger or cancel": what a value may be that can only be one of some constants; '' when it can be anything else. */
function constantsOf(faults: readonly Fault[], path: string): string {
  const allowed = new Set<string>()
  for (const fault of faults) {
    if ((fault.instancePath || '/') !== path || fault.keyword === 'anyOf') continue
    if (fault.keyword !== 'const') return ''
    allowed.add(String(fault.params.allowedValue))
  }
  return allowed.size === 0 ? '' : `must be ${[...allowed].join(' or ')}`
}

/**
 * Decodes bytes as strict UTF-8 JSON that a database can hold; how many there may be is the caller's to say.
 * Errors: `payload_not_json`, `payload_invalid`.
 */
export function decodeJson(bytes: Uint8Array, what: 'payload' | 'body'): unknown {
  let value: unknown
  let text = ''
  try {
    text = STRICT_UTF8.decode(bytes)
    value = JSON.parse(text)
  } catch (cause) {
    throw new TrackwireError('payload_not_json', `the ${what} is not JSON in UTF-8: ${(cause as Error).message}`, {
      cause,
    })
  }
  // NUL and lone surrogates get into JSON of well-formed UTF-8 by their escapes alone: RFC 8259 §7.
  checkInner(value, '', 0, text.includes('\\u'))
  return value
}

function decodeLimited(bytes: Uint8Array): unknown {
  checkPayloadSize(bytes.length)
  return decodeJson(bytes, 'payload')
}

/** @throws TrackwireError `payload_too_large` */
export function checkPayloadSize(bytes: number): void {
  if (bytes <= MAX_PAYLOAD_BYTES) return
  throw new TrackwireError('payload_too_large', `the payload has ${bytes} bytes, the limit is ${MAX_PAYLOAD_BYTES}`)
}

/** Refuses what JSON allows but cannot be kept as it is: NUL, lone surrogates, endless nesting, numbers beyond a double. */
export function checkStorable(value: unknown, path: string, depth: number): void {
  checkInner(value, path, depth, true)
}

function checkInner(value: unknown, path: string, depth: number, hasEscapes: boolean): void {
  if (typeof value === 'string') {
    if (hasEscapes) checkText(value, path)
    return
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TrackwireError('payload_invalid', `${path || '/'} is a number larger than a double holds`, {
      details: { path },
    })
  }
  if (typeof value !== 'object' || value === null) return
  if (depth > MAX_DEPTH) {
    throw new TrackwireError('payload_invalid', `${path} is nested more than ${MAX_DEPTH} deep`, { details: { path } })
  }
  if (Array.isArray(value)) {
    for (const [i, inner] of value.entries()) {
      if (needsCheck(inner, hasEscapes)) checkInner(inner, `${path}/${i}`, depth + 1, hasEscapes)
    }
    return
  }
  // Of what JSON.parse makes all keys are its own, and no list of them is made here.
  for (const key in value) {
    const inner: unknown = (value as Record<string, unknown>)[key]
    if (hasEscapes) checkText(key, path)
    if (needsCheck(inner, hasEscapes)) checkInner(inner, `${path}/${key}`, depth + 1, hasEscapes)
  }
}

/** Almost everything is a finite number or a harmless text: no path is made for those. */
function needsCheck(value: unknown, hasEscapes: boolean): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value === 'string' ? hasEscapes : typeof value === 'object' && value !== null
}

function checkText(text: string, path: string): void {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new TrackwireError('payload_invalid', `${path || '/'} holds a NUL character or a lone surrogate`, {
      details: { path },
    })
  }
}

/**
 * Decodes and validates the payload a client published on a channel.
 * A batch is checked as a list only; its elements one by one by {@link checkFix}, so that one bad fix does not cost the rest.
 * An SOS is checked for its action only; the rest of it is read by `readSosRequest`, which mends what it can.
 */
export function decodePayload<Name extends ChannelName>(channel: Name, bytes: Uint8Array): PayloadOf<Name> {
  const { payload } = CHANNELS[channel] as Channel
  if (payload === null) return new TextDecoder().decode(bytes) as PayloadOf<Name>
  if (channel === 'sos') return checkCry(decodeCry(bytes)) as unknown as PayloadOf<Name>
  const value = bytes.length === 0 && channel === 'sosAnswer' ? {} : decodeLimited(bytes)
  if (channel === 'locationBatch') return checkBatchList(value) as PayloadOf<Name>
  return checkSchema(payload, value) as PayloadOf<Name>
}

/** An SOS that says what it wants. Errors: `payload_invalid`. */
export function checkCry(value: unknown): SosCry {
  return checkSchema(SosCry, value) as SosCry
}

/** Bytes that are no UTF-8, NULs and the like cost a character, not the SOS. */
function decodeCry(bytes: Uint8Array): unknown {
  checkPayloadSize(bytes.length)
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new TrackwireError('payload_not_json', `the payload is not JSON: ${(cause as Error).message}`, { cause })
  }
}

function checkBatchList(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_BATCH) {
    const got = Array.isArray(value) ? `${value.length} elements` : typeof value
    throw new TrackwireError('payload_invalid', `a batch is an array of 1 to ${MAX_BATCH} fixes, got ${got}`, {
      details: { path: '/' },
    })
  }
  return value
}

/**
 * Checks one fix beyond its schema. `timestamp_future` is the one refusal whose fix is kept (set aside for a person).
 * @param nowMs the receiver's clock
 * @throws TrackwireError payload_invalid, device_mismatch, position_null_island, timestamp_implausible, timestamp_future
 */
export function checkFix(value: unknown, deviceId: string, nowMs: number): LocationUpdate {
  const fix = checkSchema(LocationUpdate, value)
  checkPlausible(fix, deviceId, nowMs)
  return fix
}

/** What {@link checkFix} asks of a fix that has the shape of one. */
export function checkPlausible(fix: LocationUpdate, deviceId: string, nowMs: number): void {
  const { lat, lng } = fix.location
  if (fix.deviceId !== undefined && fix.deviceId !== deviceId) {
    throw new TrackwireError('device_mismatch', `deviceId is ${fix.deviceId}, but the topic or URL says ${deviceId}`)
  }
  if (lat === 0 && lng === 0) throw new TrackwireError('position_null_island')
  if (fix.timestamp < GPS_EPOCH_MS) {
    throw new TrackwireError(
      'timestamp_implausible',
      `timestamp ${fix.timestamp} is ${new Date(fix.timestamp).toISOString()}; send milliseconds since 1970`,
    )
  }
  if (fix.timestamp > nowMs + FUTURE_TOLERANCE_MS) {
    const aheadSeconds = Math.round((fix.timestamp - nowMs) / 1_000)
    throw new TrackwireError(
      'timestamp_future',
      `the fix is ${aheadSeconds} s ahead of the clock and is set aside; check the device's clock`,
    )
  }
}

/** Compiles every channel's schema now, so that the first message does not wait for it. */
export function compileAll(): void {
  for (const name of CHANNEL_NAMES) {
    const { payload } = CHANNELS[name] as Channel
    if (payload !== null) validatorOf(payload)
  }
}
