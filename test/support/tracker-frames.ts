import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { escapeJt808 } from '../../bridge/trackers/jt808/frames.ts'
import type { Protocol } from '../../bridge/trackers/protocol.ts'
import type { Report } from '../../bridge/trackers/report.ts'
import { isAlarmEventKind } from '../../contract/index.ts'

/** A position as another decoder reads it; the frame's line in the data. */
interface ReferencePosition {
  readonly no_fix?: true
  readonly time_ms?: number | null
  readonly valid?: boolean
  readonly lat?: number
  readonly lon?: number
  readonly speed_mps?: number
  readonly course?: number
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** A real frame with what it means: `expected` was asserted by people, `reference` is another decoder's reading. */
export interface TrackerFrame {
  readonly protocol: string
  readonly test: string
  readonly frame_hex?: string
  readonly frame_text?: string
  readonly expected: {
    readonly time?: number | string
    readonly lat?: number
    readonly lon?: number
    readonly attribute?: Readonly<Record<string, unknown>>
  } | null
  readonly reference: { readonly id: string | null; readonly positions: readonly ReferencePosition[] | null }
  readonly reference_disagrees?: true
}

export interface FrameReading {
  readonly frame: TrackerFrame
  readonly reports: readonly Report[]
  readonly identity: string | undefined
  readonly fault: string | undefined
  /** What differs from the reference, a clause each; empty when all agrees. */
  readonly differences: readonly string[]
  /** Whether the reference has a position for it. */
  readonly located: boolean
  /** What the reference calls alarms, in our words, and what we do; of those that become alerts. */
  readonly alarms: { readonly wanted: readonly string[]; readonly found: readonly string[] }
}

const COORDINATE_TOLERANCE = 1.1e-5
const SPEED_TOLERANCE = 0.06
const COURSE_TOLERANCE = 0.51

/** The files of the data that hold a protocol's frames, where they are not called like the protocol. */
export const FRAME_FILES: Readonly<Record<string, readonly string[]>> = { nmea: ['nmea-t55'] }

export function readTrackerFrames(dataDirectory: string, file: string): TrackerFrame[] {
  const path = join(dataDirectory, 'protocols', `${file}.jsonl`)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as TrackerFrame)
    .filter(frame => frame.reference?.positions !== undefined)
}

/**
 * Some lines of the data have the reference of another frame. Where a frame writes its numbers as the reference does (Queclink's
 * text), that shows: the id, a latitude, a time or a speed of the reference stands nowhere in it, or its kind is another.
 */
export function isMisfiled({ protocol, frame_text, reference: { id, positions } }: TrackerFrame): boolean {
  if (protocol !== 'gl200text' || frame_text === undefined) return false
  const located = (positions ?? []).filter(({ lat }) => lat !== undefined)
  const wanted = located.flatMap(({ lat, time_ms, speed_mps, attributes }) => [
    `GT${attributes?.type},`,
    lat!.toFixed(6),
    ...(typeof time_ms === 'number' ? [new Date(time_ms).toISOString().slice(0, 19).replace(/\D/g, '')] : []),
    ...(speed_mps === undefined ? [] : [(speed_mps * 3.6).toFixed(1)]),
  ])
  return [...(id === null ? [] : [id]), ...wanted].some(text => !frame_text.includes(text))
}

/** A frame as it goes over the wire: text in UTF-8, of which Latin-1 files hold the bytes; escapes put back where the data have them taken out. */
export function bytesOf({ frame_hex, frame_text, test }: TrackerFrame): Buffer {
  const bytes = frame_hex === undefined ? Buffer.from(frame_text ?? '', 'utf8') : Buffer.from(frame_hex, 'hex')
  if (!test.startsWith('Jt808') || bytes[0] !== 0x7e) return bytes
  return Buffer.concat([bytes.subarray(0, 1), escapeJt808(bytes.subarray(1, -1)), bytes.subarray(-1)])
}

/** Decodes the frames as they were taken: those of one method came over one connection, in order; lines of NMEA are each of another device. */
export function readFrames(
  protocol: Protocol<unknown>,
  frames: readonly TrackerFrame[],
  receivedAt = Date.now(),
): FrameReading[] {
  const memories = new Map<string, unknown>()
  return frames.map(frame => {
    const connection = protocol.name === 'nmea' ? frame.test : frame.test.split('#')[0]!
    const memory = memories.has(connection) ? memories.get(connection) : protocol.initial
    const { reports, identity, fault, memory: next } = protocol.decode(bytesOf(frame), memory, { receivedAt })
    memories.set(connection, next)
    const wanted = (frame.reference.positions ?? []).filter(({ lat }) => lat !== undefined)
    const got = reports.filter(({ position }) => position !== null)
    const differences =
      got.length === wanted.length
        ? wanted.flatMap((position, i) => differencesOf(position, got[i]!, i))
        : [`${got.length} positions, the reference has ${wanted.length}`]
    return {
      frame,
      reports,
      identity,
      fault,
      differences,
      located: wanted.length > 0,
      alarms: alarmsOf(frame, reports),
    }
  })
}

/** The reference's names of alarms, where ours are not the same with dashes. */
const REFERENCE_ALARMS: Readonly<Record<string, string>> = { removing: 'tampering', powerOff: 'power-cut' }

function alarmsOf({ reference }: TrackerFrame, reports: readonly Report[]): FrameReading['alarms'] {
  const named = (reference.positions ?? []).flatMap(({ attributes }) => String(attributes?.alarm ?? '').split(','))
  const ours = (name: string) => REFERENCE_ALARMS[name] ?? name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  const alerts = (names: readonly string[]) =>
    [...new Set(names)].filter(name => name === 'sos' || isAlarmEventKind(name)).sort()
  return { wanted: alerts(named.map(ours)), found: alerts(reports.flatMap(({ alarms }) => alarms)) }
}

function differencesOf(wanted: ReferencePosition, { timestamp, position }: Report, index: number): string[] {
  const { lat, lng, speed = 0, heading = 0, valid } = position!
  const found: string[] = []
  const differs = (what: string, ours: unknown, theirs: unknown) =>
    found.push(`position ${index}: ${what} is ${ours}, the reference has ${theirs}`)
  if (Math.abs(lat - wanted.lat!) > COORDINATE_TOLERANCE) differs('latitude', lat, wanted.lat)
  if (Math.abs(lng - wanted.lon!) > COORDINATE_TOLERANCE) differs('longitude', lng, wanted.lon)
  // The reference leaves the time out where the frame has no full date.
  const isOff = timestamp === null || Math.floor(timestamp / 1_000) !== Math.floor((wanted.time_ms ?? 0) / 1_000)
  if (typeof wanted.time_ms === 'number' && isOff) differs('time', timestamp, wanted.time_ms)
  if (wanted.speed_mps !== undefined && Math.abs(speed - wanted.speed_mps) > SPEED_TOLERANCE)
    differs('speed', speed, wanted.speed_mps)
  const turn = Math.abs(heading - (wanted.course ?? 0)) % 360
  if (Math.min(turn, 360 - turn) > COURSE_TOLERANCE) differs('course', heading, wanted.course)
  if (wanted.valid !== undefined && valid !== wanted.valid) differs('validity', valid, wanted.valid)
  return found
}
