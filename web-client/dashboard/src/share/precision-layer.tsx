import { useCallback } from 'react'
import { useFleet } from '../hooks/live-context.ts'
import { circleRing } from '../map/fence-outline.ts'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from '../map/map-context.ts'
import type { Palette } from '../map/palette.ts'

const draw = (palette: Palette): Drawing => ({
  height: 'trails',
  sources: { precision: { type: 'geojson', data: EMPTY } },
  layers: [
    {
      id: 'precision-area',
      type: 'fill',
      source: 'precision',
      paint: { 'fill-color': palette.selected, 'fill-opacity': 0.12 },
    },
    {
      id: 'precision-edge',
      type: 'line',
      source: 'precision',
      paint: { 'line-color': palette.selected, 'line-opacity': 0.6, 'line-width': 1.5, 'line-dasharray': [3, 2] },
    },
  ],
})

/** A rounded position is a place of some size, so it is drawn as one: the true one is in the circle. */
export function PrecisionLayer() {
  const { live, motion } = useFleet()
  const onDrawn = useCallback(
    ({ map }: MapHandle) =>
      motion.onFrame(() => {
        const features = [...live.devices.get().values()].flatMap(({ id, fix }): GeoJSON.Feature[] => {
          const position = motion.positionOf(id)
          if (position === null || fix?.location.accuracy === undefined) return []
          const ring = circleRing(position, fix.location.accuracy)
          return [{ type: 'Feature', properties: {}, geometry: { type: 'Polygon', coordinates: [ring] } }]
        })
        return setSourceData(map, 'precision', { type: 'FeatureCollection', features })
      }),
    [live, motion],
  )
  useDrawing(draw, onDrawn)
  return null
}
