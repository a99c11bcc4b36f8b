import type { LocationUpdate } from '../../contract/index.ts'
import type { TrackFormat } from './track-format.ts'
import { xmlDecimal, xmlText } from './xml-text.ts'

const ARRAYS = ['speed', 'heading', 'accuracy'] as const
const UNITS = { speed: 'speed_mps', heading: 'heading_deg', accuracy: 'accuracy_m' } as const
const FIELDS = ARRAYS.map(
  name =>
    `<gx:SimpleArrayField name="${UNITS[name]}" type="float"><displayName>${UNITS[name]}</displayName></gx:SimpleArrayField>`,
).join('')

/**
 * KML 2.2 with Google's gx:MultiTrack. A gx:Track has all its times before all its places, so each window of fixes is a track of
 * its own, and viewers join them (gx:interpolate).
 */
export const kml: TrackFormat = {
  mediaType: 'application/vnd.google-earth.kml+xml',
  extension: 'kml',
  async *write(windows, { deviceId, name }) {
    const title = xmlText(name ?? deviceId)
    yield `<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document><name>${title}</name>
<Schema id="fix">${FIELDS}</Schema>
<Placemark><name>${title}</name><description>${xmlText(deviceId)}</description><gx:MultiTrack><gx:interpolate>1</gx:interpolate>
`
    for await (const fixes of windows) if (fixes.length > 0) yield trackOf(fixes)
    yield '</gx:MultiTrack></Placemark>\n</Document></kml>\n'
  },
}

function trackOf(fixes: readonly LocationUpdate[]): string {
  const times = fixes.map(({ timestamp }) => `<when>${new Date(timestamp).toISOString()}</when>\n`)
  const places = fixes.map(({ location: { lng, lat, altitude } }) => {
    const height = altitude === undefined ? '' : ` ${xmlDecimal(altitude)}`
    return `<gx:coord>${xmlDecimal(lng)} ${xmlDecimal(lat)}${height}</gx:coord>\n`
  })
  const arrays = ARRAYS.filter(name => fixes.some(({ location }) => location[name] !== undefined)).map(name => {
    const values = fixes.map(({ location }) => {
      const value = location[name]
      return `<gx:value>${value === undefined ? '' : xmlDecimal(value)}</gx:value>`
    })
    return `<gx:SimpleArrayData name="${UNITS[name]}">${values.join('')}</gx:SimpleArrayData>\n`
  })
  const data =
    arrays.length === 0
      ? ''
      : `<ExtendedData><SchemaData schemaUrl="#fix">\n${arrays.join('')}</SchemaData></ExtendedData>\n`
  return `<gx:Track>\n${times.join('')}${places.join('')}${data}</gx:Track>\n`
}
