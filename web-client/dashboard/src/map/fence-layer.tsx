import { useCallback } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import type { Fences } from '../live/live.ts'
import { fenceOutline, labelPosition } from './fence-outline.ts'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from './map-context.ts'
import type { Palette } from './palette.ts'
import { labelImage } from './sprites.ts'

const draw = (palette: Palette): Drawing => ({
  height: 'fences',
  sources: {
    fences: { type: 'geojson', data: EMPTY, tolerance: 0.2 },
    'fence-names': { type: 'geojson', data: EMPTY },
  },
  layers: [
    {
      id: 'fence-area',
      type: 'fill',
      source: 'fences',
      paint: { 'fill-color': palette.fence, 'fill-opacity': palette.fenceFill },
    },
    {
      id: 'fence-edge',
      type: 'line',
      source: 'fences',
      layout: { 'line-join': 'round' },
      paint: {
        'line-color': palette.fence,
        'line-opacity': 0.85,
        'line-width': ['interpolate', ['linear'], ['zoom'], 8, 1, 14, 2],
      },
    },
    {
      id: 'fence-name',
      type: 'symbol',
      source: 'fence-names',
      minzoom: 10.5,
      layout: { 'icon-image': ['get', 'image'], 'icon-padding': 6 },
    },
  ],
})

function shapesOf(fences: Fences): { areas: GeoJSON.FeatureCollection; names: GeoJSON.FeatureCollection } {
  const areas: GeoJSON.Feature[] = []
  const names: GeoJSON.Feature[] = []
  for (const fence of fences.values()) {
    const outline = fenceOutline(fence)
    if (outline === null) continue
    areas.push({ type: 'Feature', properties: { id: fence.id }, geometry: outline })
    names.push({
      type: 'Feature',
      properties: { image: labelImage('fence', fence.properties.name ?? fence.id) },
      geometry: { type: 'Point', coordinates: labelPosition(fence) },
    })
  }
  return {
    areas: { type: 'FeatureCollection', features: areas },
    names: { type: 'FeatureCollection', features: names },
  }
}

/** The fences with their names. */
export function FenceLayer() {
  const { live } = useConsole()
  const onDrawn = useCallback(
    ({ map }: MapHandle) => {
      const update = (): void => {
        const { areas, names } = shapesOf(live.fences.get())
        setSourceData(map, 'fences', areas)
        setSourceData(map, 'fence-names', names)
      }
      update()
      return live.fences.subscribe(update)
    },
    [live],
  )
  useDrawing(draw, onDrawn)
  return null
}
