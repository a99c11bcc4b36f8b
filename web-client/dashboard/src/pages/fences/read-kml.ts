import type { Candidate, ImportedFeature } from './read-fence-file.ts'

/**
 * Placemarks of OGC KML 2.2 with their name. Styles, times and folders are left aside.
 * @throws SyntaxError in a sentence for the person who chose the file
 */
export function readKml(text: string): Candidate[] {
  const document = new DOMParser().parseFromString(text, 'application/xml')
  if (document.getElementsByTagName('parsererror').length > 0) throw new SyntaxError('The file is not well-formed XML.')
  const placemarks = [...document.getElementsByTagNameNS('*', 'Placemark')]
  if (placemarks.length === 0) throw new SyntaxError('The file holds no KML Placemark.')
  return placemarks.map((placemark, i) => {
    const name = placemark.getElementsByTagNameNS('*', 'name')[0]?.textContent?.trim() ?? ''
    return {
      title: name || `placemark ${i + 1}`,
      id: undefined,
      geometry: geometryOf(placemark),
      properties: name === '' ? {} : { name },
    }
  })
}

function geometryOf(placemark: Element): ImportedFeature['geometry'] | undefined {
  const polygons = [...placemark.getElementsByTagNameNS('*', 'Polygon')].map(polygon =>
    [...polygon.getElementsByTagNameNS('*', 'LinearRing')].map(coordinatesOf),
  )
  if (polygons.length === 1) return { type: 'Polygon', coordinates: polygons[0] }
  if (polygons.length > 1) return { type: 'MultiPolygon', coordinates: polygons }
  const line = placemark.getElementsByTagNameNS('*', 'LineString')[0]
  if (line !== undefined) return { type: 'LineString', coordinates: coordinatesOf(line) }
  const point = placemark.getElementsByTagNameNS('*', 'Point')[0]
  return point === undefined ? undefined : { type: 'Point', coordinates: coordinatesOf(point)[0] }
}

/** `lng,lat[,altitude]` tuples parted by white space. */
function coordinatesOf(element: Element): number[][] {
  const text = element.getElementsByTagNameNS('*', 'coordinates')[0]?.textContent ?? ''
  const tuples = text.trim().split(/\s+/)
  return tuples.map(tuple => tuple.split(',').slice(0, 2).map(Number))
}
