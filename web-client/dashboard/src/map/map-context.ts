import type { GeoJSONSource, LayerSpecification, Map as MapLibreMap, SourceSpecification } from 'maplibre-gl'
import { createContext, useContext, useEffect } from 'react'
import { type Height, heightMarker } from './base-style.ts'
import { PALETTES, type Palette, type Theme } from './palette.ts'

/** The map as its layers see it. */
export interface MapHandle {
  readonly map: MapLibreMap
  /** The theme of the style that is loaded now. */
  theme(): Theme
  /** False once the map is gone: then there is nothing left to remove. */
  alive(): boolean
}

export const MapContext = createContext<MapHandle | null>(null)

export function useMapHandle(): MapHandle {
  const handle = useContext(MapContext)
  if (handle === null) throw new TypeError('a map layer stands outside of the map')
  return handle
}

/** What a layer adds. Removing takes away exactly this. */
export interface Drawing {
  readonly sources: Readonly<Record<string, SourceSpecification>>
  readonly layers: readonly LayerSpecification[]
  readonly height: Height
}

/**
 * Draws on the map while the component stands, and again after every change of style.
 * @param draw what to add, in the colours of the style; keep its identity (`useCallback`, or a function of the module)
 * @param onDrawn called once the sources are there; its return value undoes what it did
 */
export function useDrawing(draw: (palette: Palette) => Drawing, onDrawn?: (handle: MapHandle) => () => void): void {
  const handle = useMapHandle()
  useEffect(() => {
    const { map } = handle
    let erase: (() => void) | null = null
    const redraw = (): void => {
      erase?.()
      const drawing = draw(PALETTES[handle.theme()])
      addDrawing(map, drawing)
      const undo = onDrawn?.(handle)
      erase = () => {
        undo?.()
        if (handle.alive()) removeDrawing(map, drawing)
      }
    }
    redraw()
    map.on('style.load', redraw)
    return () => {
      map.off('style.load', redraw)
      erase?.()
    }
  }, [handle, draw, onDrawn])
}

function addDrawing(map: MapLibreMap, { sources, layers, height }: Drawing): void {
  for (const [id, source] of Object.entries(sources)) if (map.getSource(id) === undefined) map.addSource(id, source)
  for (const layer of layers) if (map.getLayer(layer.id) === undefined) map.addLayer(layer, heightMarker(height))
}

/** After a change of style there is nothing left of it, which is as good. */
function removeDrawing(map: MapLibreMap, { sources, layers }: Drawing): void {
  for (const { id } of layers) if (map.getLayer(id) !== undefined) map.removeLayer(id)
  for (const id of Object.keys(sources)) if (map.getSource(id) !== undefined) map.removeSource(id)
}

/** Resolves when the map's worker has taken it. */
export async function setSourceData(map: MapLibreMap, id: string, data: GeoJSON.FeatureCollection): Promise<void> {
  await (map.getSource(id) as GeoJSONSource | undefined)?.setData(data)
}

export const EMPTY: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] }
