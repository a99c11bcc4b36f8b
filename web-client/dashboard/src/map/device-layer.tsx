import type { Map as MapLibreMap, MapMouseEvent, PointLike, SymbolLayerSpecification } from 'maplibre-gl'
import { useCallback } from 'react'
import { type Console, useConsole } from '../hooks/live-context.ts'
import { type Device, type DeviceState, stateOf } from '../live/devices.ts'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from './map-context.ts'
import type { Palette } from './palette.ts'
import { labelImage, type MarkerTone, markerImage } from './sprites.ts'

/** A finger is no needle: a click this near to a marker means it. Pixels. */
const REACH_PIXELS = 10
/** Devices turn stale without a message. */
const CLOCK_MS = 5_000

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
      filter: ['get', 'selected'],
      paint: {
        'circle-radius': 21,
        'circle-color': palette.selected,
        'circle-opacity': 0.16,
        'circle-stroke-color': palette.selected,
        'circle-stroke-width': 2,
      },
    },
    {
      id: 'device-name',
      type: 'symbol',
      source: 'devices',
      minzoom: 9,
      filter: ['all', ['!', ['get', 'selected']], ['!', ['get', 'named']]],
      layout: { ...label, 'icon-padding': 1 },
    },
    {
      id: 'device',
      type: 'symbol',
      source: 'devices',
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
      id: 'device-name-shown',
      type: 'symbol',
      source: 'devices',
      filter: ['any', ['get', 'selected'], ['get', 'named']],
      layout: { ...label, 'icon-allow-overlap': true, 'icon-ignore-placement': true },
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

function featuresOf({ live, selection, motion }: Console): GeoJSON.FeatureCollection {
  const nowMs = live.now()
  const { deviceId: selectedId, hoveredId } = selection.store.get()
  const inDistress = new Set([...live.sos.get().open.values()].map(alert => alert.deviceId))
  const features: GeoJSON.Feature[] = []
  for (const device of live.devices.get().values()) {
    const position = motion.positionOf(device.id)
    if (position === null) continue
    const selected = device.id === selectedId
    const sos = inDistress.has(device.id)
    const state = stateOf(device, nowMs)
    features.push({
      type: 'Feature',
      properties: {
        id: device.id,
        ...markerOf(device, state, sos),
        selected,
        sos,
        named: sos || device.id === hoveredId,
        label: labelImage(sos ? 'sos' : selected ? 'selected' : 'device', device.name),
        rank: sos ? 3 : selected ? 2 : state === 'moving' ? 1 : 0,
      },
      geometry: { type: 'Point', coordinates: [...position] },
    })
  }
  return { type: 'FeatureCollection', features }
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
  const console = useConsole()
  const onDrawn = useCallback(
    ({ map }: MapHandle) => {
      const { live, selection, motion } = console
      const onClick = (event: MapMouseEvent): void => selection.select(deviceAt(map, event.point))
      const onMove = (event: MapMouseEvent): void => {
        const id = deviceAt(map, event.point)
        map.getCanvas().style.cursor = id === null ? '' : 'pointer'
        selection.hover(id)
      }
      const onOut = (): void => selection.hover(null)
      map.on('click', onClick)
      map.on('mousemove', onMove)
      map.on('mouseout', onOut)
      const clock = setInterval(motion.invalidate, CLOCK_MS)
      const subscriptions = [
        motion.onFrame(() => setSourceData(map, 'devices', featuresOf(console))),
        live.devices.subscribe(motion.invalidate),
        live.sos.subscribe(motion.invalidate),
        selection.store.subscribe(motion.invalidate),
      ]
      return () => {
        map.off('click', onClick)
        map.off('mousemove', onMove)
        map.off('mouseout', onOut)
        clearInterval(clock)
        for (const unsubscribe of subscriptions) unsubscribe()
      }
    },
    [console],
  )
  useDrawing(draw, onDrawn)
  return null
}
