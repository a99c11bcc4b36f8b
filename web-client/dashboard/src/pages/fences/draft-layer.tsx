import type { MapMouseEvent, MapTouchEvent } from 'maplibre-gl'
import { useCallback, useEffect, useLayoutEffect, useRef } from 'react'
import { metersBetween } from '../../live/devices.ts'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing, useMapHandle } from '../../map/map-context.ts'
import type { Palette } from '../../map/palette.ts'
import { type Handle, handleAt, shapesOfDraft } from './drawing-shapes.ts'
import {
  addPoint,
  type FenceDraft,
  fewestPoints,
  insertPoint,
  movePoint,
  type Position,
  withWidth,
} from './fence-draft.ts'
import type { ChangeDraft } from './use-draft.ts'

/** A click so near to the first or the last point, in pixels, means that point. */
const REACH_PIXELS = 10
/** A finger is wider than a mouse pointer. */
const TOUCH_REACH_PIXELS = 24
const HANDLES = 'draft-handles'

const draw = (palette: Palette): Drawing => ({
  height: 'labels',
  sources: {
    'draft-area': { type: 'geojson', data: EMPTY },
    'draft-lines': { type: 'geojson', data: EMPTY },
    [HANDLES]: { type: 'geojson', data: EMPTY },
  },
  layers: [
    {
      id: 'draft-area',
      type: 'fill',
      source: 'draft-area',
      paint: { 'fill-color': palette.selected, 'fill-opacity': 0.18 },
    },
    {
      id: 'draft-edge',
      type: 'line',
      source: 'draft-area',
      layout: { 'line-join': 'round' },
      paint: { 'line-color': palette.selected, 'line-width': 2 },
    },
    {
      id: 'draft-lines',
      type: 'line',
      source: 'draft-lines',
      layout: { 'line-join': 'round' },
      paint: { 'line-color': palette.selected, 'line-width': 2, 'line-dasharray': [2, 1.5] },
    },
    {
      id: HANDLES,
      type: 'circle',
      source: HANDLES,
      paint: {
        'circle-radius': ['case', ['==', ['get', 'kind'], 'middle'], 4.5, ['to-boolean', ['get', 'chosen']], 9, 7],
        'circle-color': ['case', ['to-boolean', ['get', 'chosen']], palette.selected, palette.markerEdge],
        'circle-opacity': ['case', ['==', ['get', 'kind'], 'middle'], 0.7, 1],
        'circle-stroke-color': palette.selected,
        'circle-stroke-width': 2,
      },
    },
  ],
})

interface Props {
  readonly draft: FenceDraft
  /** Clicks add points; otherwise handles are dragged. */
  readonly drawing: boolean
  /** The point that is chosen in the list of coordinates. */
  readonly chosen: number | null
  readonly onChange: ChangeDraft
  onChoose(index: number | null): void
  /** The last point has been set. */
  onDrawn(): void
}

/** The fence that is being drawn, and the mouse or finger that draws it. */
export function DraftLayer(props: Props) {
  const handle = useMapHandle()
  const latest = useRef(props)
  const pointer = useRef<Position | null>(null)

  const show = useCallback(({ map }: MapHandle) => {
    const { draft, chosen } = latest.current
    const { area, lines, handles } = shapesOfDraft(draft, chosen, pointer.current)
    setSourceData(map, 'draft-area', area)
    setSourceData(map, 'draft-lines', lines)
    setSourceData(map, HANDLES, handles)
    return () => undefined
  }, [])

  useLayoutEffect(() => {
    latest.current = props
  })
  // Only what has changed is drawn again: the page around it renders more often, and tiles take their time.
  const { draft, drawing, chosen } = props
  // biome-ignore lint/correctness/useExhaustiveDependencies: they are read by way of `latest`
  useLayoutEffect(() => {
    if (!drawing) pointer.current = null
    if (handle.map.getSource(HANDLES) !== undefined) show(handle)
  }, [handle, show, draft, drawing, chosen])
  useDrawing(draw, show)

  useEffect(() => listen(handle, latest, pointer, () => show(handle)), [handle, show])
  return null
}

/** @returns stops listening */
function listen(
  { map, alive }: MapHandle,
  latest: { current: Props },
  pointer: { current: Position | null },
  show: () => void,
): () => void {
  let dragged: { readonly handle: Handle; readonly key: string } | null = null
  let drags = 0
  const canvas = map.getCanvas()

  /** At once, too: the next click may come before the page has rendered. */
  const change: ChangeDraft = (draft, key) => {
    latest.current = { ...latest.current, draft }
    latest.current.onChange(draft, key)
  }

  const drawn = (): void => {
    latest.current = { ...latest.current, drawing: false }
    latest.current.onDrawn()
  }

  const isNear = (point: { x: number; y: number }, position: Position | undefined): boolean => {
    if (position === undefined) return false
    const { x, y } = map.project([...position])
    return Math.hypot(x - point.x, y - point.y) <= REACH_PIXELS
  }

  const onClick = (event: MapMouseEvent): void => {
    const { draft, drawing } = latest.current
    if (!drawing) return
    const { shape, points } = draft
    const ends = isNear(event.point, points.at(-1)) || (shape === 'polygon' && isNear(event.point, points[0]))
    if (ends) {
      if (points.length >= fewestPoints(shape)) drawn()
      return
    }
    change(addPoint(draft, [event.lngLat.lng, event.lngLat.lat]))
    if (shape === 'circle') drawn()
  }

  const onMove = (event: MapMouseEvent | MapTouchEvent): void => {
    const position: Position = [event.lngLat.lng, event.lngLat.lat]
    if (dragged !== null) {
      const { draft } = latest.current
      const next =
        dragged.handle.kind === 'radius'
          ? withWidth(draft, Math.max(1, Math.round(metersBetween(draft.points[0]!, position))))
          : movePoint(draft, dragged.handle.index, position)
      change(next, dragged.key)
      return
    }
    if (!latest.current.drawing) return
    pointer.current = position
    show()
  }

  const handleUnder = ({ point }: MapMouseEvent | MapTouchEvent, reachPixels: number): Handle | null =>
    handleAt(latest.current.draft, point, reachPixels, position => map.project([...position]))

  const grab = (event: MapMouseEvent | MapTouchEvent, reachPixels: number): void => {
    const { draft, drawing, onChoose } = latest.current
    const grabbed = drawing ? null : handleUnder(event, reachPixels)
    if (grabbed === null) return
    // The map stays where it is.
    event.preventDefault()
    drags += 1
    const key = `drag-${drags}`
    if (grabbed.kind === 'middle') {
      change(insertPoint(draft, grabbed.index, [event.lngLat.lng, event.lngLat.lat]), key)
      dragged = { handle: { kind: 'point', index: grabbed.index }, key }
    } else dragged = { handle: grabbed, key }
    if (grabbed.kind !== 'radius') onChoose(grabbed.index)
  }

  const onMouseDown = (event: MapMouseEvent): void => grab(event, REACH_PIXELS)
  const onTouchStart = (event: MapTouchEvent): void => {
    if (event.points.length === 1) grab(event, TOUCH_REACH_PIXELS)
  }

  const onRelease = (): void => {
    dragged = null
  }
  const onOut = (): void => {
    pointer.current = null
    if (latest.current.drawing) show()
  }
  const onDoubleClick = (event: MapMouseEvent): void => {
    if (latest.current.drawing) event.preventDefault()
  }
  const onHover = (event: MapMouseEvent): void => {
    const { drawing } = latest.current
    canvas.style.cursor = drawing ? 'crosshair' : dragged !== null || handleUnder(event, REACH_PIXELS) ? 'grab' : ''
  }

  map.on('click', onClick)
  map.on('dblclick', onDoubleClick)
  map.on('mousemove', onMove)
  map.on('mousemove', onHover)
  map.on('touchmove', onMove)
  map.on('mouseout', onOut)
  map.on('mousedown', onMouseDown)
  map.on('touchstart', onTouchStart)
  addEventListener('mouseup', onRelease)
  addEventListener('touchend', onRelease)
  return () => {
    removeEventListener('mouseup', onRelease)
    removeEventListener('touchend', onRelease)
    if (!alive()) return
    canvas.style.cursor = ''
    map.off('click', onClick)
    map.off('dblclick', onDoubleClick)
    map.off('mousemove', onMove)
    map.off('mousemove', onHover)
    map.off('touchmove', onMove)
    map.off('mouseout', onOut)
    map.off('mousedown', onMouseDown)
    map.off('touchstart', onTouchStart)
  }
}
