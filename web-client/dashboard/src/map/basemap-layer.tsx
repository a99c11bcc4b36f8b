import { useCallback, useRef } from 'react'
import { feature, mesh } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import fineUrl from 'world-atlas/countries-10m.json?url'
import coarseUrl from 'world-atlas/countries-50m.json?url'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from './map-context.ts'
import type { Palette } from './palette.ts'

/** From this zoom on the finer coast is worth its 3.7 MB. */
const FINE_ZOOM = 6

interface Basemap {
  readonly land: GeoJSON.FeatureCollection
  readonly lines: GeoJSON.FeatureCollection
}

async function loadBasemap(url: string): Promise<Basemap> {
  const topology = (await (await fetch(url)).json()) as Topology<{
    countries: GeometryCollection
    land: GeometryCollection
  }>
  const { countries, land } = topology.objects
  const line = (kind: string, geometry: GeoJSON.Geometry): GeoJSON.Feature => ({
    type: 'Feature',
    properties: { kind },
    geometry,
  })
  return {
    land: feature(topology, land) as GeoJSON.FeatureCollection,
    lines: {
      type: 'FeatureCollection',
      features: [
        line(
          'border',
          mesh(topology, countries, (a, b) => a !== b),
        ),
        line(
          'coast',
          mesh(topology, countries, (a, b) => a === b),
        ),
      ],
    },
  }
}

/**
 * `tolerance: 0`: simplified by default, large polygons lose corners and seas fill with land.
 * `maxzoom`: a unit of such a tile is 10 m, finer than the data; cutting it further would only cost time.
 */
const geojson = { type: 'geojson', data: EMPTY, tolerance: 0, maxzoom: 9 } as const

const draw = (palette: Palette): Drawing => ({
  height: 'ground',
  sources: { land: geojson, lines: geojson },
  layers: [
    { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': palette.land, 'fill-antialias': false } },
    {
      id: 'coast',
      type: 'line',
      source: 'lines',
      filter: ['==', ['get', 'kind'], 'coast'],
      paint: { 'line-color': palette.coast, 'line-width': ['interpolate', ['linear'], ['zoom'], 2, 0.5, 8, 1.2] },
    },
    {
      id: 'border',
      type: 'line',
      source: 'lines',
      filter: ['==', ['get', 'kind'], 'border'],
      layout: { 'line-join': 'round' },
      paint: {
        'line-color': palette.border,
        'line-width': ['interpolate', ['linear'], ['zoom'], 2, 0.6, 8, 1.6],
        'line-dasharray': [4, 2],
      },
    },
  ],
})

/** Land, coasts and borders of the world, served by the platform itself: no internet is needed. */
export function BasemapLayer() {
  const loaded = useRef<{ coarse: Promise<Basemap> | null; fine: Promise<Basemap> | null }>({
    coarse: null,
    fine: null,
  })

  const onDrawn = useCallback(({ map, alive }: MapHandle) => {
    let shown: 'none' | 'coarse' | 'fine' = 'none'
    const show = (basemap: Basemap, detail: 'coarse' | 'fine'): void => {
      if (!alive() || shown === 'fine') return
      shown = detail
      setSourceData(map, 'land', basemap.land)
      setSourceData(map, 'lines', basemap.lines)
    }
    const { current } = loaded
    current.coarse ??= loadBasemap(coarseUrl)
    // Without it the map is plain water, and the fleet is still to be seen.
    current.coarse.then(basemap => show(basemap, 'coarse')).catch(() => undefined)
    const refine = (): void => {
      if (map.getZoom() < FINE_ZOOM) return
      map.off('zoomend', refine)
      current.fine ??= loadBasemap(fineUrl)
      current.fine.then(basemap => show(basemap, 'fine')).catch(() => undefined)
    }
    map.on('zoomend', refine)
    refine()
    return () => {
      map.off('zoomend', refine)
    }
  }, [])

  useDrawing(draw, onDrawn)
  return null
}
