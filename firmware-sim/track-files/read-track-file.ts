import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { TrackPoint } from '../track.ts'
import { readCsv } from './read-csv.ts'
import { readGeoJson } from './read-geojson.ts'
import { readGpx } from './read-gpx.ts'
import { trackFileError } from './track-file-error.ts'

type Reader = (text: string, file: string, defaultDevice: string) => Map<string, TrackPoint[]>

const READERS: Readonly<Record<string, Reader>> = {
  csv: readCsv,
  tsv: readCsv,
  gpx: readGpx,
  geojson: readGeoJson,
  json: readGeoJson,
}

/** Unpacked size above which a file is refused: 512 MiB, the most one string can hold. */
const MAX_BYTES = 536_870_000

/**
 * Reads a CSV, GPX or GeoJSON file, plain or gzipped (`.gz`), into tracks by device.
 * A file that names no device has one, called after the file.
 * @throws TrackwireError request_invalid; the message names file, line where there is one, and cause; `details.fault` is stable
 */
export async function readTrackFile(path: string): Promise<Map<string, TrackPoint[]>> {
  const file = basename(path)
  const name = file.replace(/\.gz$/i, '')
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const reader = READERS[extension]
  if (reader === undefined) {
    throw trackFileError(
      'unknown-format',
      file,
      undefined,
      'the name must end in .csv, .gpx, .geojson or .json (.gz may follow)',
    )
  }
  const bytes = await readBytes(path, file)
  const text = decode(bytes, file)
  return reader(text, file, deviceNameOf(name))
}

async function readBytes(path: string, file: string): Promise<Buffer> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    throw trackFileError(
      'unreadable',
      path,
      undefined,
      `cannot be read (${(error as NodeJS.ErrnoException).code})`,
      error,
    )
  }
  if (!/\.gz$/i.test(file)) return bytes
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_BYTES })
  } catch (error) {
    throw trackFileError('unreadable', file, undefined, `is not a gzip file: ${(error as Error).message}`, error)
  }
}

function decode(bytes: Buffer, file: string): string {
  // UTF-16 exports carry a byte order mark.
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe
  try {
    return new TextDecoder(utf16 ? 'utf-16le' : 'utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw trackFileError('unreadable', file, undefined, 'is neither UTF-8 nor UTF-16 text', error)
  }
}

/** The file's name without its extension, brought into the form of an id. */
function deviceNameOf(name: string): string {
  return (
    name
      .replace(/\.[^.]+$/, '')
      .replace(/[^A-Za-z0-9._:-]+/g, '-')
      .slice(0, 64) || 'device'
  )
}
