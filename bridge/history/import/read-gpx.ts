import { type Found, readFix, TrackFileFault, type TrackReader } from './track-reader.ts'
import { XmlStream } from './xml-stream.ts'
import { xmlTrackReader } from './xml-track-reader.ts'

/**
 * GPX 1.0 and 1.1: the points of all tracks. Routes and way points are plans and places, not where a device has been. Speed and
 * course are elements of 1.0; 1.1 has them in extensions of many kinds.
 */
export function gpxReader(): TrackReader {
  const found: Found[] = []
  let point: { line: number; values: Map<string, string> } | null = null
  let points = 0
  let root: string | undefined
  const xml = new XmlStream({
    open(name, attributes, line) {
      root ??= name
      if (root !== 'gpx') throw new TrackFileFault(line, `the root element is <${root}>, not <gpx>`)
      if (name === 'trkpt') point = { line, values: new Map(attributes) }
    },
    close(name, text) {
      if (point === null) return
      if (name !== 'trkpt') {
        // The first of a name counts: what is nested deeper comes from other programs.
        if (!point.values.has(name)) point.values.set(name, text)
        return
      }
      const { line, values } = point
      points += 1
      point = null
      found.push(
        readFix({
          line,
          time: values.get('time'),
          lat: values.get('lat'),
          lng: values.get('lon'),
          altitude: values.get('ele'),
          speed: values.get('speed'),
          heading: values.get('course'),
          accuracy: values.get('accuracy'),
        }),
      )
    },
  })
  return xmlTrackReader(xml, found, () => {
    if (points === 0) {
      throw new TrackFileFault(1, 'there is no <trkpt> in it; routes and way points are not where a device has been')
    }
  })
}
