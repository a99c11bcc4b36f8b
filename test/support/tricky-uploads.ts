import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { LocationUpdate } from '../../contract/index.ts'

export interface TrickyFix {
  readonly t: number
  readonly lat: number
  readonly lon: number
  readonly label: 'ok' | 'duplicate' | 'null-island' | 'rollover' | 'future' | 'spike'
  readonly true_t?: number
}

/** Real fixes of one device, sent again the way trackers misbehave; uploads in the order of their arrival. */
export interface TrickyCase {
  readonly case: string
  readonly device: string
  readonly uploads: readonly { readonly arrival_ms: number; readonly fixes: readonly TrickyFix[] }[]
}

export function readTrickyUploads(dataDirectory: string): TrickyCase[] {
  return readLines(join(dataDirectory, 'tricky', 'derived-uploads.jsonl.gz'))
}

export interface RealAnomaly {
  readonly case: string
  readonly device: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (number | null)[])[]
}

export function readRealAnomalies(dataDirectory: string): RealAnomaly[] {
  return readLines(join(dataDirectory, 'tricky', 'real-anomalies.jsonl'))
}

/** As a device would send it; all times moved by `shiftMs`. */
export function sentFix({ t, lat, lon }: TrickyFix, shiftMs = 0): LocationUpdate {
  return { timestamp: t + shiftMs, location: { lat, lng: lon } }
}

function readLines<T>(file: string): T[] {
  const bytes = readFileSync(file)
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as T)
}
