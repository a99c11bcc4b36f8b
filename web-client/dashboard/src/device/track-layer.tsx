import { useCallback } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import { stateOf } from '../live/devices.ts'
import { type Drawing, EMPTY, type MapHandle, setSourceData, useDrawing } from '../map/map-context.ts'
import type { Palette } from '../map/palette.ts'
import { markerImage } from '../map/sprites.ts'
import { inStretches } from '../map/trail-layer.tsx'
import type { Playback } from './playback.ts'
import { pointAt, type Stop } from './track.ts'

const draw = (palette: Palette): Drawing => ({
  height: 'trails',
  sources: {
    track: { type: 'geojson', data: EMPTY, tolerance: 0.2 },
    'track-stops': { type: 'geojson', data: EMPTY },
  },
  layers: [
    {
      id: 'track-edge',
      type: 'line',
      source: 'track',
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': palette.markerEdge, 'line-width': 6 },
    },
    {
      id: 'track',
      type: 'line',
      source: 'track',
      layout: { 'line-join': 'round', 'line-cap': 'round' },
      paint: { 'line-color': palette.selected, 'line-width': 3 },
    },
    {
      id: 'track-stops',
      type: 'circle',
      source: 'track-stops',
      paint: {
        'circle-radius': 6,
        'circle-color': palette.stopped,
        'circle-stroke-color': palette.markerEdge,
        'circle-stroke-width': 2,
      },
    },
  ],
})

const drawMarker = (): Drawing => ({
  height: 'devices',
  sources: { 'track-marker': { type: 'geojson', data: EMPTY } },
  layers: [
    {
      id: 'track-marker',
      type: 'symbol',
      source: 'track-marker',
      layout: {
        'icon-image': ['get', 'marker'],
        'icon-rotate': ['get', 'heading'],
        'icon-rotation-alignment': 'map',
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
      },
    },
  ],
})

interface Props {
  readonly fixes: readonly LocationUpdate[]
  readonly stops: readonly Stop[]
  readonly playback: Playback
}

/** A way, the stops on it, and where the device was at the moment that is shown. */
export function TrackLayer({ fixes, stops, playback }: Props) {
  const onTrack = useCallback(
    ({ map }: MapHandle) => {
      const coordinates = inStretches(fixes)
      setSourceData(map, 'track', {
        type: 'FeatureCollection',
        features: [{ type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates } }],
      })
      setSourceData(map, 'track-stops', {
        type: 'FeatureCollection',
        features: stops.map(({ location }) => ({
          type: 'Feature',
          properties: {},
          geometry: { type: 'Point', coordinates: [location.lng, location.lat] },
        })),
      })
      return () => undefined
    },
    [fixes, stops],
  )
  const onMarker = useCallback(
    ({ map }: MapHandle) => {
      const update = (): void => {
        const timeMs = playback.store.get().timeMs ?? Number.POSITIVE_INFINITY
        setSourceData(map, 'track-marker', markerAt(fixes, timeMs))
      }
      update()
      return playback.store.subscribe(update)
    },
    [fixes, playback],
  )
  useDrawing(draw, onTrack)
  useDrawing(drawMarker, onMarker)
  return null
}

function markerAt(fixes: readonly LocationUpdate[], timeMs: number): GeoJSON.FeatureCollection {
  const point = pointAt(fixes, timeMs)
  if (point === null) return EMPTY
  const { fix, position } = point
  const moved = { id: '', name: '', groups: [], status: null, trail: [], fix }
  const { heading } = fix.location
  const moving = stateOf(moved, fix.timestamp) === 'moving'
  const arrow = moving && heading !== undefined
  return {
    type: 'FeatureCollection',
    features: [
      {
        type: 'Feature',
        properties: {
          marker: markerImage(arrow ? 'arrow' : 'dot', moving ? 'moving' : 'stopped'),
          heading: arrow ? heading : 0,
        },
        geometry: { type: 'Point', coordinates: [...position] },
      },
    ],
  }
}
