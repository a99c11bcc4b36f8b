export type Theme = 'light' | 'dark'

/** The colours of the map; those of the panels are custom properties in `styles/tokens.css`. */
export interface Palette {
  readonly water: string
  /** In a city: nearer to the land's colour, because the coast is only true to a kilometre. */
  readonly waterNear: string
  readonly land: string
  readonly coast: string
  readonly border: string
  readonly grid: string
  readonly gridText: string
  readonly fence: string
  readonly fenceFill: number
  readonly moving: string
  readonly stopped: string
  readonly offline: string
  readonly sos: string
  /** Beneath white text. */
  readonly sosFill: string
  readonly selected: string
  readonly markerEdge: string
  readonly chip: string
  readonly chipText: string
  readonly chipEdge: string
}

export const PALETTES: Readonly<Record<Theme, Palette>> = {
  light: {
    water: '#d3e0e6',
    waterNear: '#e7ecec',
    land: '#f5f4ef',
    coast: '#a9bcc5',
    border: '#cbc8bd',
    grid: '#8a99a1',
    gridText: '#4d5a62',
    fence: '#5b4bc4',
    fenceFill: 0.1,
    moving: '#0b7a6b',
    stopped: '#33598f',
    offline: '#6b7680',
    sos: '#d4122a',
    sosFill: '#c90f26',
    selected: '#0b7a6b',
    markerEdge: '#ffffff',
    chip: 'rgba(255, 255, 255, 0.94)',
    chipText: '#17212b',
    chipEdge: 'rgba(23, 33, 43, 0.16)',
  },
  dark: {
    water: '#0c1318',
    waterNear: '#131a20',
    land: '#182026',
    coast: '#3a4a54',
    border: '#344049',
    grid: '#5a6b76',
    gridText: '#93a3ad',
    fence: '#a99bff',
    fenceFill: 0.13,
    moving: '#2fd0b4',
    stopped: '#7fb0f2',
    offline: '#8b98a3',
    sos: '#ff4b5c',
    sosFill: '#c90f26',
    selected: '#2fd0b4',
    markerEdge: '#0c1318',
    chip: 'rgba(20, 27, 33, 0.94)',
    chipText: '#e8eef2',
    chipEdge: 'rgba(255, 255, 255, 0.18)',
  },
}
