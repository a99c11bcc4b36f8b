import { csvReader } from './read-csv.ts'
import { geoJsonReader } from './read-geojson.ts'
import { gpxReader } from './read-gpx.ts'
import { kmlReader } from './read-kml.ts'
import { nmeaReader } from './read-nmea.ts'
import type { TrackReader } from './track-reader.ts'

const READERS = { gpx: gpxReader, kml: kmlReader, csv: csvReader, nmea: nmeaReader, geojson: geoJsonReader } as const
export type TrackKind = keyof typeof READERS

const BY_TYPE: Readonly<Record<string, TrackKind>> = {
  'application/gpx+xml': 'gpx',
  'application/vnd.google-earth.kml+xml': 'kml',
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/vnd.ms-excel': 'csv',
  'application/geo+json': 'geojson',
  'application/nmea': 'nmea',
  'text/nmea': 'nmea',
}

export function readerOfKind(kind: TrackKind): TrackReader {
  return READERS[kind]()
}

/** The kind by its media type, else by how the file begins; null when it is neither. */
export function trackKindOf(mediaType: string | undefined, beginning: string): TrackKind | null {
  const type = (mediaType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  return BY_TYPE[type] ?? kindOfText(beginning)
}

function kindOfText(beginning: string): TrackKind | null {
  const text = beginning.replace(/^\ufeff/, '').trimStart()
  if (text.startsWith('<'))
    return /<(?:\w+:)?kml[\s>]/.test(text) ? 'kml' : /<(?:\w+:)?gpx[\s>/]/.test(text) ? 'gpx' : null
  if (text.startsWith('{')) return 'geojson'
  if (/^[^\n]{0,100}[$!][A-Z]{2}\w{2,6},/.test(text) || /\n\$(?:G[ABLNPQ]|P)[A-Z]{3},/.test(text)) return 'nmea'
  const [head = ''] = text.split(/\r\n|\n|\r/, 1)
  return /[,;\t]/.test(head) && /lat/i.test(head) ? 'csv' : null
}
