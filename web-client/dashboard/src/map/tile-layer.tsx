import { useCallback } from 'react'
import { type Drawing, useDrawing } from './map-context.ts'
import type { Palette } from './palette.ts'
import { PALETTES } from './palette.ts'

/** Raster tiles of the operator's own choice, above the bundled land and toned down so that the fleet stands out. */
export function TileLayer({ url }: { readonly url: string }) {
  const draw = useCallback(
    (palette: Palette): Drawing => {
      const dark = palette === PALETTES.dark
      return {
        height: 'ground',
        sources: { tiles: { type: 'raster', tiles: [url], tileSize: 256, attribution: attributionOf(url) } },
        layers: [
          {
            id: 'tiles',
            type: 'raster',
            source: 'tiles',
            paint: dark
              ? { 'raster-saturation': -0.7, 'raster-brightness-max': 0.45, 'raster-contrast': 0.1 }
              : { 'raster-saturation': -0.35, 'raster-opacity': 0.9 },
          },
        ],
      }
    },
    [url],
  )
  useDrawing(draw)
  return null
}

function attributionOf(url: string): string {
  const host = /^https?:\/\/([^/]+)/.exec(url)?.[1] ?? ''
  return host.endsWith('openstreetmap.org') ? '© OpenStreetMap contributors' : host.replace(/\{.*?\}\.?/g, '')
}
