import { useEffect } from 'react'
import { boxOf } from '../../map/fence-outline.ts'
import { useMapHandle } from '../../map/map-context.ts'

/** A wish to see some positions; a new object is a new wish. */
export interface Sight {
  readonly positions: readonly (readonly [longitude: number, latitude: number])[]
}

/** Moves the map to what shall be seen. */
export function FitTo({ sight }: { readonly sight: Sight | null }) {
  const { map } = useMapHandle()
  useEffect(() => {
    if (sight === null || sight.positions.length === 0) return
    const [west, south, east, north] = boxOf(sight.positions)
    map.fitBounds(
      [
        [west, south],
        [east, north],
      ],
      { padding: 60, maxZoom: 16, duration: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 500 },
    )
  }, [map, sight])
  return null
}
