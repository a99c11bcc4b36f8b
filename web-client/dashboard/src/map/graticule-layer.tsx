import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from './map-context.ts'
import type { Palette } from './palette.ts'

/** Steps in degrees; the one is taken whose lines are at least this many pixels apart. */
const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
const MIN_GAP_PIXELS = 130
const MAX_LATITUDE = 84

const draw = (palette: Palette): Drawing => ({
  height: 'grid',
  sources: { graticule: { type: 'geojson', data: EMPTY, tolerance: 0, maxzoom: 14 } },
  layers: [
    {
      id: 'graticule',
      type: 'line',
      source: 'graticule',
      paint: { 'line-color': palette.grid, 'line-width': 0.75, 'line-opacity': ['case', ['get', 'major'], 0.42, 0.2] },
    },
  ],
})

/** Meridians and parallels as on a chart: where the coast is far, they still tell scale and north. */
function onDrawn({ map }: MapHandle): () => void {
  const update = (): void => {
    const bounds = map.getBounds()
    const width = bounds.getEast() - bounds.getWest()
    const height = bounds.getNorth() - bounds.getSouth()
    const degreesPerPixel = width / Math.max(1, map.getContainer().clientWidth)
    const step = STEPS.findLast(candidate => candidate / degreesPerPixel >= MIN_GAP_PIXELS) ?? 30
    const box = {
      west: bounds.getWest() - width,
      east: bounds.getEast() + width,
      south: Math.max(-MAX_LATITUDE, bounds.getSouth() - height),
      north: Math.min(MAX_LATITUDE, bounds.getNorth() + height),
    }
    setSourceData(map, 'graticule', { type: 'FeatureCollection', features: graticule(box, step) })
  }
  map.on('moveend', update)
  map.on('resize', update)
  update()
  return () => {
    map.off('moveend', update)
    map.off('resize', update)
  }
}

interface Box {
  readonly west: number
  readonly east: number
  readonly south: number
  readonly north: number
}

function graticule({ west, east, south, north }: Box, step: number): GeoJSON.Feature[] {
  const line = (index: number, coordinates: [number, number][]): GeoJSON.Feature => ({
    type: 'Feature',
    properties: { major: index % 5 === 0 },
    geometry: { type: 'LineString', coordinates },
  })
  const lines: GeoJSON.Feature[] = []
  for (let i = Math.ceil(west / step); i * step <= east; i += 1) {
    lines.push(
      line(i, [
        [i * step, south],
        [i * step, north],
      ]),
    )
  }
  for (let i = Math.ceil(south / step); i * step <= north; i += 1) {
    lines.push(
      line(i, [
        [west, i * step],
        [east, i * step],
      ]),
    )
  }
  return lines
}

export function GraticuleLayer() {
  useDrawing(draw, onDrawn)
  return null
}
