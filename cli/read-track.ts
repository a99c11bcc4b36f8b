import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { LocationUpdate } from '../contract/index.ts'
import { readTrackFile, type TrackPoint } from '../firmware-sim/index.ts'
import { UsageError } from './command.ts'

/**
 * Reads a recorded track into fixes by device: CSV, GPX and GeoJSON (`.gz` may follow), or `.jsonl`, a LocationUpdate a line.
 * A file that names no device has one, called after the file (`.jsonl`: called `track`).
 * @throws TrackwireError request_invalid, UsageError naming file, line and cause
 */
export async function readTrack(path: string): Promise<Map<string, unknown[]>> {
  if (path.endsWith('.jsonl')) return readLines(path)
  const tracks = new Map<string, unknown[]>()
  for (const [deviceId, points] of await readTrackFile(path)) {
    tracks.set(
      deviceId,
      points.map(point => fixOf(point, path)),
    )
  }
  return tracks
}

async function readLines(path: string): Promise<Map<string, unknown[]>> {
  const text = await readFile(path, 'utf8').catch(error => {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  })
  const tracks = new Map<string, unknown[]>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const fix = parse(line, `${basename(path)}, line ${index + 1}`)
    const deviceId = typeof fix.deviceId === 'string' ? fix.deviceId : 'track'
    const track = tracks.get(deviceId) ?? []
    track.push(fix)
    tracks.set(deviceId, track)
  }
  if (tracks.size === 0) throw new UsageError(`${basename(path)}: there is no fix in it`)
  return tracks
}

function parse(line: string, place: string): Partial<LocationUpdate> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Said below.
  }
  throw new UsageError(`${place}: not a LocationUpdate as JSON`)
}

function fixOf({ timestampMs, battery, activity, ...location }: TrackPoint, path: string): LocationUpdate {
  if (timestampMs === undefined)
    throw new UsageError(`${basename(path)}: not every point has a time; a replay needs them`)
  const metadata = { ...(battery !== undefined && { battery }), ...(activity !== undefined && { activity }) }
  return {
    timestamp: timestampMs,
    location: definedOnly(location),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
}

function definedOnly(location: LocationUpdate['location']): LocationUpdate['location'] {
  return Object.fromEntries(Object.entries(location).filter(([, value]) => value !== undefined)) as typeof location
}
