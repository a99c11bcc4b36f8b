import type { AddProtocolAction } from 'maplibre-gl'
import { feature, mesh } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'

/**
 * Runs in the map's own workers: unpacking the fine atlas takes seconds on a small machine, which the page must not
 * feel. `atlas://world/<path of a world-atlas file>` answers GeoJSON: countries (`land`), and their lines (`coast`, `border`).
 */
const scope = self as unknown as { addProtocol(name: string, load: AddProtocolAction): void }

const PIECE = 2_000

scope.addProtocol('atlas', async ({ url }) => {
  const response = await fetch(new URL(new URL(url).pathname, location.origin))
  if (!response.ok) throw new Error(`the basemap answered ${response.status}`)
  return { data: unpack(await response.json()) }
})

function unpack(topology: Topology<{ countries: GeometryCollection }>): GeoJSON.FeatureCollection {
  const { countries } = topology.objects
  const of = (kind: string, geometry: GeoJSON.Geometry): GeoJSON.Feature => ({
    type: 'Feature',
    properties: { kind },
    geometry,
  })
  return {
    type: 'FeatureCollection',
    features: [
      ...(feature(topology, countries) as GeoJSON.FeatureCollection).features.map(({ geometry }) =>
        of('land', unbroken(geometry)),
      ),
      of('coast', inPieces(mesh(topology, countries, (a, b) => a === b))),
      of('border', inPieces(mesh(topology, countries, (a, b) => a !== b))),
    ],
  }
}

/** The map draws a line with 16-bit indices, ten to a point: a continent's whole coast is too long for one. */
function inPieces({ coordinates }: GeoJSON.MultiLineString): GeoJSON.MultiLineString {
  const pieces = coordinates.flatMap(cutAtAntimeridian).flatMap(line => {
    const parts: GeoJSON.Position[][] = []
    for (let from = 0; from < line.length - 1; from += PIECE) parts.push(line.slice(from, from + PIECE + 1))
    return parts
  })
  return { type: 'MultiLineString', coordinates: pieces }
}

function cutAtAntimeridian(line: GeoJSON.Position[]): GeoJSON.Position[][] {
  const parts: GeoJSON.Position[][] = [[]]
  for (const position of line) {
    const before = parts.at(-1)!.at(-1)
    if (before !== undefined && Math.abs(position[0]! - before[0]!) > 180) parts.push([])
    parts.at(-1)!.push(position)
  }
  return parts.filter(part => part.length > 1)
}

/**
 * Russia and Fiji lie across the antimeridian: their rings leap from 180 to -180, which would be drawn as a band around the
 * world. They go on beyond 180 instead; the map wraps that. A ring around the pole does not come back to where it began, and stays.
 */
function unbroken(geometry: GeoJSON.Geometry): GeoJSON.Geometry {
  if (geometry.type === 'Polygon') return { ...geometry, coordinates: geometry.coordinates.map(unbrokenRing) }
  if (geometry.type !== 'MultiPolygon') return geometry
  return { ...geometry, coordinates: geometry.coordinates.map(rings => rings.map(unbrokenRing)) }
}

function unbrokenRing(ring: GeoJSON.Position[]): GeoJSON.Position[] {
  let turn = 0
  let before = ring[0]![0]!
  const unrolled = ring.map(([longitude = 0, latitude = 0]) => {
    if (longitude - before > 180) turn -= 360
    else if (longitude - before < -180) turn += 360
    before = longitude
    return [longitude + turn, latitude]
  })
  return turn === 0 ? unrolled : ring
}
