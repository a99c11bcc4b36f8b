import { useCallback } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import { useFleet } from '../hooks/live-context.ts'
import { TRAIL_GAP_MS } from '../live/devices.ts'
import { CROWD } from './clusters.ts'
import { GLIDING_DEVICES } from './fleet-motion.ts'
import { viewTest } from './in-view.ts'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from './map-context.ts'
import type { Palette } from './palette.ts'

/** Trails are redrawn less often than markers: their far end does not move. */
const PERIOD_MS = 250
const LARGE_FLEET_PERIOD_MS = 2_000
/** In a large fleet a trail is a short tail; the selected device keeps all of its own. */
const LARGE_FLEET_POINTS = 30

const fading = (color: string): ['interpolate', ['linear'], ['line-progress'], number, string, number, string] => [
  'interpolate',
  ['linear'],
  ['line-progress'],
  0,
  `${color}00`,
  1,
  `${color}d0`,
]

const draw = (palette: Palette): Drawing => ({
  height: 'trails',
  sources: {
    trails: { type: 'geojson', data: EMPTY, lineMetrics: true, tolerance: 0.2, maxzoom: 13 },
    'recent-trail': { type: 'geojson', data: EMPTY },
  },
  layers: [
    {
      id: 'recent-trail',
      type: 'line',
      source: 'recent-trail',
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': palette.selected, 'line-opacity': 0.45, 'line-width': 2, 'line-dasharray': [0.5, 2] },
    },
    {
      id: 'trails',
      type: 'line',
      source: 'trails',
      minzoom: 7,
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-width': ['case', ['get', 'selected'], 4.5, 3], 'line-gradient': fading(palette.moving) },
    },
  ],
})

/** The way of a device, cut where it was silent for long. */
export function inStretches(fixes: readonly LocationUpdate[]): GeoJSON.Position[][] {
  const stretches: GeoJSON.Position[][] = []
  let before = Number.NEGATIVE_INFINITY
  for (const { timestamp, location } of fixes) {
    if (timestamp - before > TRAIL_GAP_MS) stretches.push([])
    stretches.at(-1)!.push([location.lng, location.lat])
    before = timestamp
  }
  return stretches.filter(stretch => stretch.length > 1)
}

const isSelected = ({ properties }: GeoJSON.Feature): boolean => properties?.selected === true

interface Props {
  /** What the history tells of the selected device, oldest first. */
  readonly recent: readonly LocationUpdate[]
}

/** Where the devices came from in the last minutes, and the selected one before that. */
export function TrailLayer({ recent }: Props) {
  const { live, selection, motion } = useFleet()

  const onDrawn = useCallback(
    ({ map }: MapHandle) => {
      let drawnAtMs = 0
      let drawnEmpty = false
      const update = (): Promise<void> | undefined => {
        const nowMs = performance.now()
        const large = live.devices.get().size > GLIDING_DEVICES
        if (nowMs - drawnAtMs < (large ? LARGE_FLEET_PERIOD_MS : PERIOD_MS)) return undefined
        drawnAtMs = nowMs
        const selectedId = selection.store.get().deviceId
        const features: GeoJSON.Feature[] = []
        const isInView = large ? viewTest(map) : () => true
        const { shownIds } = selection.store.get()
        for (const { id, trail } of live.devices.get().values()) {
          const tip = motion.positionOf(id)
          if (trail.length < 2 || tip === null) continue
          if (id !== selectedId && (!isInView(tip) || shownIds?.has(id) === false)) continue
          // The newest point is where the marker is drawn now, so that the trail never runs ahead of it.
          const from = large && id !== selectedId ? -LARGE_FLEET_POINTS : 0
          const coordinates = [...trail.slice(from, -1).map(point => [...point.position]), [...tip]]
          features.push({
            type: 'Feature',
            properties: { selected: id === selectedId },
            geometry: { type: 'LineString', coordinates },
          })
        }
        // A crowd is drawn as bubbles, which leave no trails.
        if (features.length > CROWD.begins) features.splice(0, features.length, ...features.filter(isSelected))
        if (features.length === 0 && drawnEmpty) return undefined
        drawnEmpty = features.length === 0
        return setSourceData(map, 'trails', { type: 'FeatureCollection', features })
      }
      const coordinates = inStretches(recent)
      setSourceData(map, 'recent-trail', {
        type: 'FeatureCollection',
        features:
          coordinates.length === 0
            ? []
            : [{ type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates } }],
      })
      return motion.onFrame(update)
    },
    [live, selection, motion, recent],
  )
  useDrawing(draw, onDrawn)
  return null
}
