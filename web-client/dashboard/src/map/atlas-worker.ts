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
        of('land', geometry),
      ),
      of('coast', inPieces(mesh(topology, countries, (a, b) => a === b))),
      of('border', inPieces(mesh(topology, countries, (a, b) => a !== b))),
    ],
  }
}

/** The map draws a line with 16-bit indices, ten to a point: a continent's whole coast is too long for one. */
function inPieces({ coordinates }: GeoJSON.MultiLineString): GeoJSON.MultiLineString {
  const pieces = coordinates.flatMap(line => {
    const parts: GeoJSON.Position[][] = []
    for (let from = 0; from < line.length - 1; from += PIECE) parts.push(line.slice(from, from + PIECE + 1))
    return parts
  })
  return { type: 'MultiLineString', coordinates: pieces }
}
