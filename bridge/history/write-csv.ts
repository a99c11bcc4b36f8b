import type { LocationUpdate } from '../../contract/index.ts'
import type { TrackFormat } from './track-format.ts'

/** What the file has of a fix, under names that say the unit. An import reads the same names. */
const CSV_COLUMNS = [
  'device_id',
  'time',
  'timestamp_ms',
  'latitude_deg',
  'longitude_deg',
  'altitude_m',
  'speed_mps',
  'heading_deg',
  'accuracy_m',
  'user_id',
  'battery_percent',
  'metadata',
  'attributes',
] as const

/** CSV as RFC 4180 has it, a fix a line; `metadata` but for the battery, and `attributes`, are JSON. */
export const csv: TrackFormat = {
  mediaType: 'text/csv',
  extension: 'csv',
  async *write(windows, { deviceId }) {
    yield `${CSV_COLUMNS.join(',')}\r\n`
    for await (const fixes of windows) yield fixes.map(fix => lineOf(deviceId, fix)).join('')
  },
}

function lineOf(
  deviceId: string,
  { timestamp, location, userId, metadata = {}, attributes = {} }: LocationUpdate,
): string {
  const { battery, ...rest } = metadata
  const cells = [
    textCell(deviceId),
    new Date(timestamp).toISOString(),
    timestamp,
    location.lat,
    location.lng,
    location.altitude,
    location.speed,
    location.heading,
    location.accuracy,
    textCell(userId ?? ''),
    battery,
    jsonCell(rest),
    jsonCell(attributes),
  ]
  return `${cells.map(cell => cell ?? '').join(',')}\r\n`
}

/** Spreadsheets run what begins like a formula: an apostrophe in front makes it the text that it is. */
function textCell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

function jsonCell(value: object): string {
  return Object.keys(value).length === 0 ? '' : textCell(JSON.stringify(value))
}
