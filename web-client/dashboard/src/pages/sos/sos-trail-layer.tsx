import { useCallback, useLayoutEffect, useRef } from 'react'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing, useMapHandle } from '../../map/map-context.ts'
import type { Palette } from '../../map/palette.ts'

const SOURCE = 'sos-trail'

const draw = (palette: Palette): Drawing => ({
  height: 'trails',
  sources: { [SOURCE]: { type: 'geojson', data: EMPTY } },
  layers: [
    {
      id: SOURCE,
      type: 'line',
      source: SOURCE,
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': palette.sos, 'line-width': 3.5, 'line-opacity': 0.8 },
    },
  ],
})

/** The way of the device from shortly before the alert until now. */
export function SosTrailLayer({ way }: { readonly way: readonly (readonly [number, number])[] }) {
  const handle = useMapHandle()
  const latest = useRef(way)
  const show = useCallback(({ map }: MapHandle) => {
    const coordinates = latest.current.map(position => [...position])
    const line: GeoJSON.Feature = { type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates } }
    setSourceData(map, SOURCE, { type: 'FeatureCollection', features: coordinates.length > 1 ? [line] : [] })
    return () => undefined
  }, [])
  useLayoutEffect(() => {
    latest.current = way
    if (handle.map.getSource(SOURCE) !== undefined) show(handle)
  }, [handle, way, show])
  useDrawing(draw, show)
  return null
}
