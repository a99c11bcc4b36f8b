import type { Map as MapLibreMap, MapMouseEvent, PointLike, SymbolLayerSpecification } from 'maplibre-gl'
import { useCallback } from 'react'
import { type Fleet, useFleet } from '../hooks/live-context.ts'
import { type Device, type DeviceState, stateOf } from '../live/devices.ts'
import { countText, fromWorld, gatherClusters, isCrowded, toWorld } from './clusters.ts'
import { viewTest } from './in-view.ts'
import { chooseLabels, type LabelWish } from './label-choice.ts'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from './map-context.ts'
import type { Palette } from './palette.ts'
import { clusterImage, labelImage, type MarkerTone, markerImage } from './sprites.ts'

/** A finger is no needle: a click this near to a marker means it. Pixels. */
const REACH_PIXELS = 10
/** Devices turn stale without a message. */
const CLOCK_MS = 5_000
const ZOOM_INTO_CROWD = 2

const label: NonNullable<SymbolLayerSpecification['layout']> = {
  'icon-image': ['get', 'label'],
  'icon-anchor': 'top',
  // Below the marker, the halo of the selected one, or the ring of an SOS.
  'icon-offset': [
    'case',
    ['get', 'sos'],
    ['literal', [0, 32]],
    ['get', 'selected'],
    ['literal', [0, 25]],
    ['literal', [0, 14]],
  ],
}

const draw = (palette: Palette): Drawing => ({
  height: 'devices',
  // Few, large tiles (a unit of one is 0.6 m): each new position lays out one or two of them, not a screenful.
  sources: { devices: { type: 'geojson', data: EMPTY, tolerance: 0, maxzoom: 13 } },
  layers: [
    {
      id: 'device-halo',
      type: 'circle',
      source: 'devices',
      filter: ['==', ['get', 'selected'], true],
      paint: {
        'circle-radius': 21,
        'circle-color': palette.selected,
        'circle-opacity': 0.16,
        'circle-stroke-color': palette.selected,
        'circle-stroke-width': 2,
      },
    },
    {
      id: 'device',
      type: 'symbol',
      source: 'devices',
      filter: ['has', 'marker'],
      layout: {
        'icon-image': ['get', 'marker'],
        'icon-rotate': ['get', 'heading'],
        'icon-rotation-alignment': 'map',
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
        'icon-size': ['interpolate', ['linear'], ['zoom'], 4, 0.6, 11, 0.85, 15, 1],
        'symbol-sort-key': ['get', 'rank'],
      },
    },
    {
      id: 'device-cluster',
      type: 'symbol',
      source: 'devices',
      filter: ['has', 'cluster'],
      layout: {
        'icon-image': ['get', 'cluster'],
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
        'symbol-sort-key': ['get', 'rank'],
      },
    },
    {
      id: 'device-name',
      type: 'symbol',
      source: 'devices',
      filter: ['has', 'label'],
      // `label-choice.ts` has seen to it that they do not cover each other; the names of fences give way to them.
      layout: { ...label, 'icon-allow-overlap': true, 'symbol-sort-key': ['get', 'rank'] },
    },
  ],
})

const TONES: Readonly<Record<DeviceState, MarkerTone>> = {
  moving: 'moving',
  stopped: 'stopped',
  stale: 'offline',
  offline: 'offline',
  unknown: 'offline',
}

/** The marker: an arrow for a known course, a dot for a stop or an unknown course, a hollow ring for an old position. */
function markerOf(device: Device, state: DeviceState, sos: boolean): { marker: string; heading: number } {
  const heading = device.fix?.location.heading
  const tone = sos ? 'sos' : TONES[state]
  if (state === 'moving' && heading !== undefined) return { marker: markerImage('arrow', tone), heading }
  return { marker: markerImage(state === 'offline' || state === 'stale' ? 'ring' : 'dot', tone), heading: 0 }
}

/** From this zoom on devices have names; one in distress, selected or hovered has its name always. */
const NAMES_ZOOM = 9
/** What a letter of a label and its edges take, pixels; see `drawLabel`. */
const LETTER_PIXELS = 7
const EDGES_PIXELS = 18
const LONGEST_NAME = 28

type Drawn = Omit<LabelWish, 'x' | 'y' | 'width'> & {
  readonly device: Device
  readonly position: readonly [number, number]
  readonly state: DeviceState
  readonly sos: boolean
}

/** Those that can be seen, of those that are wanted. One in distress and the selected one are always wanted. */
function drawnDevices(map: MapLibreMap, { live, selection, motion }: Fleet): Drawn[] {
  const nowMs = live.now()
  const { deviceId: selectedId, hoveredId, shownIds } = selection.store.get()
  const inDistress = new Set([...live.sos.get().open.values()].map(alert => alert.deviceId))
  const isInView = viewTest(map)
  const drawn: Drawn[] = []
  for (const device of live.devices.get().values()) {
    const { id } = device
    const position = motion.positionOf(id)
    if (position === null || !isInView(position)) continue
    const sos = inDistress.has(id)
    const selected = id === selectedId
    if (shownIds !== null && !shownIds.has(id) && !sos && !selected) continue
    const state = stateOf(device, nowMs)
    const always = sos || selected || id === hoveredId
    const priority = sos ? 3 : selected ? 2 : state === 'moving' ? 1 : 0
    drawn.push({ id, device, position, state, sos, always, priority })
  }
  return drawn
}

/** The names there is room for. */
function namedDevices(map: MapLibreMap, drawn: readonly Drawn[], shownBefore: ReadonlySet<string>): Set<string> {
  const { clientWidth: width, clientHeight: height } = map.getCanvas()
  const far = map.getZoom() < NAMES_ZOOM
  const wishes: LabelWish[] = []
  for (const { id, device, position, priority, always } of drawn) {
    if (far && !always) continue
    const { x, y } = map.project([...position])
    const letters = Math.min(LONGEST_NAME, device.name.length)
    wishes.push({ id, x, y, width: letters * LETTER_PIXELS + EDGES_PIXELS, priority, always })
  }
  return chooseLabels(wishes, { width, height }, shownBefore)
}

function featuresOf(drawn: readonly Drawn[], named: ReadonlySet<string>, selectedId: string | null): GeoJSON.Feature[] {
  return drawn.map(({ id, device, position, state, sos, priority }): GeoJSON.Feature => {
    const selected = id === selectedId
    const label = named.has(id)
      ? { label: labelImage(sos ? 'sos' : selected ? 'selected' : 'device', device.name) }
      : {}
    return {
      type: 'Feature',
      properties: { id, ...markerOf(device, state, sos), selected, sos, ...label, rank: priority },
      geometry: { type: 'Point', coordinates: [...position] },
    }
  })
}

/** In a crowd neighbours are one bubble with their number; whoever is always named is never hidden in one. */
function gathered(map: MapLibreMap, drawn: readonly Drawn[]): { single: Drawn[]; bubbles: GeoJSON.Feature[] } {
  const zoom = Math.floor(map.getZoom())
  const free = drawn.filter(({ always }) => !always)
  const { single, clusters } = gatherClusters(free.map(({ position: [lng, lat] }) => toWorld(lng, lat, zoom)))
  return {
    single: [...single.map(i => free[i]!), ...drawn.filter(({ always }) => always)],
    bubbles: clusters.map((cluster): GeoJSON.Feature => {
      const count = cluster.members.length
      const moving = cluster.members.reduce((sum, i) => sum + Number(free[i]!.state === 'moving'), 0)
      const stopped = cluster.members.reduce((sum, i) => sum + Number(free[i]!.state === 'stopped'), 0)
      const tone = 2 * moving >= count ? 'moving' : 2 * (moving + stopped) >= count ? 'stopped' : 'offline'
      return {
        type: 'Feature',
        properties: { cluster: clusterImage(tone, countText(count)), rank: count },
        geometry: { type: 'Point', coordinates: fromWorld(cluster, zoom) },
      }
    }),
  }
}

/** The device nearest to a point of the screen, or null when none is within reach. */
function deviceAt(map: MapLibreMap, { x, y }: { x: number; y: number }): string | null {
  const box: [PointLike, PointLike] = [
    [x - REACH_PIXELS, y - REACH_PIXELS],
    [x + REACH_PIXELS, y + REACH_PIXELS],
  ]
  let nearest: { id: string; distance: number } | null = null
  for (const { properties, geometry } of map.queryRenderedFeatures(box, { layers: ['device'] })) {
    const at = map.project((geometry as GeoJSON.Point).coordinates as [number, number])
    const distance = Math.hypot(at.x - x, at.y - y)
    if (nearest === null || distance < nearest.distance) nearest = { id: String(properties.id), distance }
  }
  return nearest?.id ?? null
}

/** The fleet: one source, fed frame by frame, past React. */
export function DeviceLayer() {
  const console = useFleet()
  const onDrawn = useCallback(
    ({ map }: MapHandle) => {
      const { live, selection, motion } = console
      let named: ReadonlySet<string> = new Set()
      let crowded = false
      const onClick = (event: MapMouseEvent): void => {
        const id = deviceAt(map, event.point)
        const bubble =
          id === null ? map.queryRenderedFeatures(event.point, { layers: ['device-cluster'] })[0] : undefined
        if (bubble === undefined) return selection.select(id)
        const center = (bubble.geometry as GeoJSON.Point).coordinates as [number, number]
        map.easeTo({ center, zoom: map.getZoom() + ZOOM_INTO_CROWD })
      }
      const onMove = (event: MapMouseEvent): void => {
        const id = deviceAt(map, event.point)
        const bubble = id === null && map.queryRenderedFeatures(event.point, { layers: ['device-cluster'] }).length > 0
        map.getCanvas().style.cursor = id === null && !bubble ? '' : 'pointer'
        selection.hover(id)
      }
      const onOut = (): void => selection.hover(null)
      map.on('click', onClick)
      map.on('mousemove', onMove)
      map.on('mouseout', onOut)
      // Another section, another room for names.
      map.on('moveend', motion.invalidate)
      const clock = setInterval(motion.invalidate, CLOCK_MS)
      const subscriptions = [
        motion.onFrame(() => {
          const drawn = drawnDevices(map, console)
          crowded = isCrowded(drawn.length, crowded)
          const { single, bubbles } = crowded ? gathered(map, drawn) : { single: drawn, bubbles: [] }
          named = namedDevices(map, single, named)
          const features = featuresOf(single, named, selection.store.get().deviceId).concat(bubbles)
          return setSourceData(map, 'devices', { type: 'FeatureCollection', features })
        }),
        live.devices.subscribe(motion.invalidate),
        live.sos.subscribe(motion.invalidate),
        selection.store.subscribe(motion.invalidate),
      ]
      return () => {
        map.off('click', onClick)
        map.off('mousemove', onMove)
        map.off('mouseout', onOut)
        map.off('moveend', motion.invalidate)
        clearInterval(clock)
        for (const unsubscribe of subscriptions) unsubscribe()
      }
    },
    [console],
  )
  useDrawing(draw, onDrawn)
  return null
}
