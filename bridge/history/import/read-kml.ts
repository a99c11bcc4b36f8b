import { type Found, readFix, TrackFileFault, type TrackReader } from './track-reader.ts'
import { XmlStream } from './xml-stream.ts'
import { xmlTrackReader } from './xml-track-reader.ts'

const ARRAYS: Readonly<Record<string, 'speed' | 'heading' | 'accuracy'>> = {
  speed_mps: 'speed',
  heading_deg: 'heading',
  accuracy_m: 'accuracy',
}

interface OpenTrack {
  readonly times: string[]
  readonly places: { line: number; text: string }[]
  readonly arrays: Map<string, string[]>
}

/** KML: each gx:Track, and each Placemark that has a TimeStamp and a Point. Lines without times are plans, and are no error. */
export function kmlReader(): TrackReader {
  const found: Found[] = []
  let track: OpenTrack | null = null
  let values: string[] | null = null
  let placemark: { line: number; time?: string; coordinates?: string } | null = null
  let isPoint = false
  let total = 0
  let root: string | undefined
  const xml = new XmlStream({
    open(name, attributes, line) {
      root ??= name
      if (root !== 'kml') throw new TrackFileFault(line, `the root element is <${root}>, not <kml>`)
      if (name === 'Track') track = { times: [], places: [], arrays: new Map() }
      else if (name === 'Placemark') placemark = { line }
      else if (name === 'Point') isPoint = true
      else if (name === 'SimpleArrayData' && track !== null) {
        values = []
        const field = ARRAYS[attributes.get('name') ?? '']
        if (field !== undefined) track.arrays.set(field, values)
      }
    },
    close(name, text, line) {
      if (name === 'Track' && track !== null) {
        found.push(...fixesOf(track))
        total += track.places.length
        track = null
      } else if (name === 'when') {
        if (track !== null) track.times.push(text)
        else if (placemark !== null) placemark.time ??= text
      } else if (name === 'coord') track?.places.push({ line, text })
      else if (name === 'value') values?.push(text)
      else if (name === 'SimpleArrayData') values = null
      else if (name === 'Point') isPoint = false
      else if (name === 'coordinates' && isPoint && placemark !== null) placemark.coordinates ??= text
      else if (name === 'Placemark') {
        if (placemark?.time !== undefined && placemark.coordinates !== undefined) {
          const [lng, lat, altitude] = placemark.coordinates.split(',')
          found.push(readFix({ line: placemark.line, time: placemark.time, lat, lng, altitude }))
          total += 1
        }
        placemark = null
      }
    },
  })
  return xmlTrackReader(xml, found, () => {
    if (total === 0) throw new TrackFileFault(1, 'there is no gx:Track and no Point with a TimeStamp in it')
  })
}

function fixesOf({ times, places, arrays }: OpenTrack): Found[] {
  return places.map(({ line, text }, i) => {
    const [lng, lat, altitude] = text.split(/\s+/)
    const measure = (name: string) => arrays.get(name)?.[i]
    return readFix({
      line,
      time: times[i],
      lat,
      lng,
      altitude,
      speed: measure('speed'),
      heading: measure('heading'),
      accuracy: measure('accuracy'),
    })
  })
}
