import type { StyleSpecification } from 'maplibre-gl'
import { PALETTES, type Theme } from './palette.ts'

/** Heights of the map, from the ground up. A layer is put beneath the marker of its height, whenever it comes. */
export const HEIGHTS = ['ground', 'grid', 'fences', 'trails', 'devices', 'labels'] as const
export type Height = (typeof HEIGHTS)[number]

export const heightMarker = (height: Height): string => `height:${height}`

/** An empty map of water; every layer is a component that adds itself. */
export function baseStyle(theme: Theme): StyleSpecification {
  const { water, waterNear } = PALETTES[theme]
  return {
    version: 8,
    sources: {},
    layers: [
      {
        id: 'water',
        type: 'background',
        paint: { 'background-color': ['interpolate', ['linear'], ['zoom'], 9, water, 12, waterNear] },
      },
      ...HEIGHTS.map(height => ({
        id: heightMarker(height),
        type: 'background' as const,
        layout: { visibility: 'none' as const },
      })),
    ],
  }
}
