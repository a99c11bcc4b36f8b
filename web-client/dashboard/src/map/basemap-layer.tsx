import {
  type GeoJSONSource,
  importScriptInWorkers,
  type LayerSpecification,
  type Map as MapLibreMap,
} from 'maplibre-gl'
import fineUrl from 'world-atlas/countries-10m.json?url'
import coarseUrl from 'world-atlas/countries-50m.json?url'
import atlasWorkerUrl from './atlas-worker.ts?worker&url'
import { type Drawing, EMPTY, type MapHandle, useDrawing } from './map-context.ts'
import { PALETTES, type Palette } from './palette.ts'

/** From this zoom on the finer coast is worth its 3.7 MB. */
const FINE_ZOOM = 6
/** The fleet first: the fine coast comes when the map has rested for a while. */
const FINE_AFTER_MS = 1_500
type Detail = 'coarse' | 'fine'
const URLS: Readonly<Record<Detail, string>> = { coarse: coarseUrl, fine: fineUrl }

/** The map imports what ends in `.mjs` as a module, and would evaluate anything else, which no good CSP allows. */
const ATLAS_MODULE = `${new URL(atlasWorkerUrl, import.meta.url).href}#.mjs`
/**
 * `tolerance: 0`: simplified by default, large polygons lose corners and seas fill with land.
 * `maxzoom`: a unit of such a tile is 10 m, finer than the data; cutting it further would only cost time.
 */
const geojson = { type: 'geojson', data: EMPTY, tolerance: 0, maxzoom: 9 } as const

const layersOf = (palette: Palette, detail: Detail): LayerSpecification[] => [
  {
    id: `land-${detail}`,
    type: 'fill',
    source: `atlas-${detail}`,
    filter: ['==', ['get', 'kind'], 'land'],
    paint: { 'fill-color': palette.land, 'fill-antialias': false },
  },
  {
    id: `coast-${detail}`,
    type: 'line',
    source: `atlas-${detail}`,
    filter: ['==', ['get', 'kind'], 'coast'],
    paint: {
      'line-color': palette.coast,
      'line-width': ['interpolate', ['linear'], ['zoom'], 2, 0.5, 8, 1.2],
      // True to about a kilometre: in a city a sharp line would promise more.
      'line-opacity': ['interpolate', ['linear'], ['zoom'], 9, 1, 12, 0.35],
    },
  },
  {
    id: `border-${detail}`,
    type: 'line',
    source: `atlas-${detail}`,
    filter: ['==', ['get', 'kind'], 'border'],
    paint: {
      'line-color': palette.border,
      'line-width': ['interpolate', ['linear'], ['zoom'], 2, 0.6, 8, 1.6],
      'line-dasharray': [4, 2],
    },
  },
]

const draw = (palette: Palette): Drawing => ({
  height: 'ground',
  sources: { 'atlas-fine': geojson, 'atlas-coarse': geojson },
  layers: [
    ...layersOf(palette, 'coarse'),
    ...layersOf(palette, 'fine').map(layer => ({ ...layer, minzoom: FINE_ZOOM }) as LayerSpecification),
  ],
})

/** Has the map's workers fetch and unpack the atlas. */
async function load(map: MapLibreMap, detail: Detail): Promise<void> {
  // Imported once, however often it is asked for.
  await importScriptInWorkers(ATLAS_MODULE)
  const source = map.getSource<GeoJSONSource>(`atlas-${detail}`)
  await source?.setData(`atlas://world${new URL(URLS[detail], import.meta.url).pathname}`)
}

function onDrawn({ map, alive }: MapHandle): () => void {
  let shown = true
  // Without it the map is plain water, and the fleet is still to be seen.
  load(map, 'coarse').catch(() => undefined)

  const onFine = (event: { sourceId?: string; isSourceLoaded?: boolean }): void => {
    if (!shown || !alive() || event.sourceId !== 'atlas-fine' || event.isSourceLoaded !== true) return
    map.off('sourcedata', onFine)
    // The fine coast lies on top; the coarse land beneath must not stick out of it.
    for (const { id } of layersOf(PALETTES.light, 'coarse')) map.setLayerZoomRange(id, 0, FINE_ZOOM)
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const refine = (): void => {
    clearTimeout(timer)
    if (map.getZoom() < FINE_ZOOM) return
    timer = setTimeout(() => {
      map.off('zoomend', refine)
      load(map, 'fine').then(
        () => map.on('sourcedata', onFine),
        () => undefined,
      )
    }, FINE_AFTER_MS)
  }
  map.on('zoomend', refine)
  refine()
  return () => {
    shown = false
    clearTimeout(timer)
    map.off('zoomend', refine)
    map.off('sourcedata', onFine)
  }
}

/** Land, coasts and borders of the world, served by the platform itself: no internet is needed. */
export function BasemapLayer() {
  useDrawing(draw, onDrawn)
  return null
}
