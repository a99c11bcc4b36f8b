import type { Map as MapLibreMap } from 'maplibre-gl'
import { PALETTES, type Palette, type Theme } from './palette.ts'

/** How a marker looks: `arrow` when it moves and its heading is known, else a shape that points nowhere. */
export type MarkerShape = 'arrow' | 'dot' | 'ring'
export type MarkerTone = 'moving' | 'stopped' | 'offline' | 'sos'
export type LabelTone = 'device' | 'selected' | 'sos' | 'fence'

const SEPARATOR = '|'
const SCALE = 2
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'

export const markerImage = (shape: MarkerShape, tone: MarkerTone): string => ['marker', shape, tone].join(SEPARATOR)
export const clusterImage = (tone: MarkerTone, text: string): string => ['cluster', tone, text].join(SEPARATOR)
export const labelImage = (tone: LabelTone, text: string): string => ['label', tone, text].join(SEPARATOR)

/** Draws the images that layers ask for by name: there is no sprite sheet and no glyph server to fetch from. */
export function drawSprites(map: MapLibreMap, theme: () => Theme): void {
  map.setMissingStyleImageResolver(id => {
    const image = drawSprite(id, PALETTES[theme()])
    if (image !== null && !map.hasImage(id)) map.addImage(id, image, { pixelRatio: SCALE })
  })
}

function drawSprite(id: string, palette: Palette): ImageData | null {
  const [kind, ...rest] = id.split(SEPARATOR)
  if (kind === 'marker') return drawMarker(rest[0] as MarkerShape, palette[rest[1] as MarkerTone], palette.markerEdge)
  if (kind === 'cluster') return drawCluster(palette[rest[0] as MarkerTone], rest[1]!, palette)
  if (kind === 'label') return drawLabel(rest[0] as LabelTone, rest.slice(1).join(SEPARATOR), palette)
  return null
}

/** A canvas of so many CSS pixels, ready to draw on; null where the browser has none to give. */
function canvasOf(width: number, height: number): CanvasRenderingContext2D | null {
  const canvas = document.createElement('canvas')
  canvas.width = Math.ceil(width * SCALE)
  canvas.height = Math.ceil(height * SCALE)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  context?.scale(SCALE, SCALE)
  return context
}

const imageOf = (context: CanvasRenderingContext2D): ImageData =>
  context.getImageData(0, 0, context.canvas.width, context.canvas.height)

function drawMarker(shape: MarkerShape, color: string, edge: string): ImageData | null {
  const size = 34
  const context = canvasOf(size, size)
  if (context === null) return null
  const c = size / 2
  context.beginPath()
  if (shape === 'arrow') {
    context.moveTo(c, 4.5)
    context.lineTo(c + 9, size - 6.5)
    context.lineTo(c, size - 11.5)
    context.lineTo(c - 9, size - 6.5)
    context.closePath()
  } else context.arc(c, c, shape === 'dot' ? 6.5 : 5.5, 0, 2 * Math.PI)
  context.lineJoin = 'round'
  context.shadowColor = 'rgba(0, 0, 0, 0.35)'
  context.shadowBlur = 3 * SCALE
  context.shadowOffsetY = 1
  context.lineWidth = shape === 'ring' ? 7 : 4
  context.strokeStyle = edge
  context.stroke()
  context.shadowColor = 'transparent'
  if (shape === 'ring') {
    context.fillStyle = edge
    context.fill()
    context.lineWidth = 3
    context.strokeStyle = color
    context.stroke()
  } else {
    context.fillStyle = color
    context.fill()
  }
  return imageOf(context)
}

/** The more, the larger; the number is what is read. */
function drawCluster(color: string, text: string, palette: Palette): ImageData | null {
  const radius = 13 + 2.5 * text.length
  const size = 2 * radius + 8
  const context = canvasOf(size, size)
  if (context === null) return null
  const c = size / 2
  context.beginPath()
  context.arc(c, c, radius, 0, 2 * Math.PI)
  context.shadowColor = 'rgba(0, 0, 0, 0.35)'
  context.shadowBlur = 3 * SCALE
  context.fillStyle = palette.markerEdge
  context.fill()
  context.shadowColor = 'transparent'
  context.beginPath()
  context.arc(c, c, radius - 2, 0, 2 * Math.PI)
  context.fillStyle = color
  context.fill()
  context.font = `700 12px ${FONT}`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillStyle = palette.markerEdge
  context.fillText(text, c, c + 0.5)
  return imageOf(context)
}

function drawLabel(tone: LabelTone, text: string, palette: Palette): ImageData | null {
  const short = text.length > 28 ? `${text.slice(0, 27)}…` : text
  const font = `600 ${tone === 'fence' ? 12 : 11.5}px ${FONT}`
  const probe = canvasOf(1, 1)
  if (probe === null) return null
  probe.font = font
  const width = probe.measureText(short).width
  const padding = tone === 'fence' ? 4 : 7
  const height = 20
  const context = canvasOf(width + 2 * padding + 2, height + 2)
  if (context === null) return null
  context.font = font
  context.textBaseline = 'middle'
  context.translate(1, 1)
  if (tone === 'fence') {
    context.lineJoin = 'round'
    context.lineWidth = 3.5
    context.strokeStyle = palette.land
    context.strokeText(short, padding, height / 2 + 0.5)
    context.fillStyle = palette.fence
  } else {
    context.beginPath()
    context.roundRect(0, 0, width + 2 * padding, height, 6)
    context.fillStyle = tone === 'sos' ? palette.sosFill : tone === 'selected' ? palette.chipText : palette.chip
    context.fill()
    context.lineWidth = 1
    context.strokeStyle = palette.chipEdge
    context.stroke()
    context.fillStyle = tone === 'device' ? palette.chipText : tone === 'sos' ? '#ffffff' : palette.land
  }
  context.fillText(short, padding, height / 2 + 0.5)
  return imageOf(context)
}
