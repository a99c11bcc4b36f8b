import { useEffect } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import { boxOf } from '../map/fence-outline.ts'
import { useMapHandle } from '../map/map-context.ts'
import type { Playback } from './playback.ts'
import { pointAt } from './track.ts'

const FIT = { padding: 48, maxZoom: 15.5, duration: 0 }
/** Nearer to the edge than this the marker has the map brought along, as a part of its width. */
const EDGE = 0.12

interface Props {
  readonly fixes: readonly LocationUpdate[]
  readonly playback: Playback
  /** Another one: the map is fitted anew. */
  readonly fitKey: unknown
}

/** Shows the whole way; and in a playback never loses the marker. */
export function TrackCamera({ fixes, playback, fitKey }: Props) {
  const handle = useMapHandle()
  const hasFixes = fixes.length > 0

  // biome-ignore lint/correctness/useExhaustiveDependencies: fitted once for each track, not with every fix that joins it
  useEffect(() => {
    if (!hasFixes) return
    const [west, south, east, north] = boxOf(fixes.map(({ location }) => [location.lng, location.lat]))
    handle.map.fitBounds(
      [
        [west, south],
        [east, north],
      ],
      FIT,
    )
  }, [handle, hasFixes, fitKey])

  useEffect(() => {
    const keepInSight = (): void => {
      const { timeMs } = playback.store.get()
      const point = timeMs === null ? null : pointAt(fixes, timeMs)
      if (point === null) return
      const { map } = handle
      const { clientWidth: width, clientHeight: height } = map.getCanvas()
      const { x, y } = map.project([...point.position])
      const margin = EDGE * Math.min(width, height)
      if (x > margin && y > margin && x < width - margin && y < height - margin) return
      map.easeTo({ center: [...point.position], duration: 400 })
    }
    return playback.store.subscribe(keepInSight)
  }, [handle, playback, fixes])
  return null
}
