import type { LocationUpdate } from '../../contract/index.ts'
import type { TrackFormat } from './track-format.ts'
import { xmlDecimal, xmlText } from './xml-text.ts'

/**
 * GPX 1.1, one segment. Speed (m/s) and course (degrees) are in the extension that most readers know, Garmin's TrackPointExtension
 * v2; accuracy, for which GPX has nothing in metres, is in one of our own.
 */
export const gpx: TrackFormat = {
  mediaType: 'application/gpx+xml',
  extension: 'gpx',
  async *write(windows, { deviceId, name }) {
    yield `<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="Trackwire" xmlns="http://www.topografix.com/GPX/1/1" xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2" xmlns:tw="urn:trackwire:gpx:1">
<trk><name>${xmlText(name ?? deviceId)}</name><src>${xmlText(deviceId)}</src><trkseg>
`
    for await (const fixes of windows) yield fixes.map(pointOf).join('')
    yield '</trkseg></trk>\n</gpx>\n'
  },
}

function pointOf({ timestamp, location }: LocationUpdate): string {
  const { lat, lng, altitude, speed, heading, accuracy } = location
  // GPX longitudes end before 180, courses before 360.
  const lon = lng === 180 ? -180 : lng
  const course = heading === 360 ? 0 : heading
  const motion = `${element('gpxtpx:speed', speed)}${element('gpxtpx:course', course)}`
  const extensions = `${motion && `<gpxtpx:TrackPointExtension>${motion}</gpxtpx:TrackPointExtension>`}${element('tw:accuracy', accuracy)}`
  return `<trkpt lat="${xmlDecimal(lat)}" lon="${xmlDecimal(lon)}">${element('ele', altitude)}<time>${new Date(timestamp).toISOString()}</time>${extensions && `<extensions>${extensions}</extensions>`}</trkpt>\n`
}

function element(name: string, value: number | undefined): string {
  return value === undefined ? '' : `<${name}>${xmlDecimal(value)}</${name}>`
}
