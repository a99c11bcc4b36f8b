import type { AddProtocolAction } from 'maplibre-gl'
import { feature, mesh } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'

/**
 * Runs in the map's own workers: unpacking the fine atlas takes seconds on a small machine, which the page must not
 * feel. `atlas://world/<path of a world-atlas file>` answers GeoJSON: countries (`land`), and their lines (`coast`, `border`).
 */
const scope = self as unknown as { addProtocol(name: string, load: AddProtocolAction): void }

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
      of(
        'coast',
        mesh(topology, countries, (a, b) => a === b),
      ),
      of(
        'border',
        mesh(topology, countries, (a, b) => a !== b),
      ),
    ],
  }
}
