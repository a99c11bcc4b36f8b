import { type LngLatBoundsLike, Marker, type PaddingOptions } from 'maplibre-gl'
import { useEffect } from 'react'
import { useFleet } from '../hooks/live-context.ts'
import { boxOf, fenceOutline } from './fence-outline.ts'
import { GLIDE_LIMIT_MS } from './glide.ts'
import { useMapHandle } from './map-context.ts'

/** How long after the first position the others are waited for before the map is fitted to all. */
const GATHER_MS = 900
const FIT_ZOOM = 15
/** Between the outermost device and the panels, pixels. */
const FIT_MARGIN = 56
/** How far beyond the fleet a fence is still fitted in: a part of the fleet's own extent, at least about 500 m. */
const FENCE_REACH = 0.25
const FENCE_REACH_DEGREES = 0.005
const FLY_ZOOM = 14.5
const FOLLOW_ZOOM = 13
const PING_MS = 4_000

interface Props {
  /** What panels cover of the map, in pixels. */
  readonly padding: PaddingOptions
  /** How near the map comes to the fleet by itself. */
  readonly fitZoom?: number
}

/** Moves the map: to the fleet at first, to what was clicked, along with a followed device. */
export function Camera({ padding, fitZoom = FIT_ZOOM }: Props) {
  const { live, selection, motion } = useFleet()
  const handle = useMapHandle()

  useEffect(() => {
    handle.map.setPadding(padding)
  }, [handle, padding])

  useEffect(() => {
    const { map } = handle
    let seen = selection.store.get()
    let fitted = false
    let fittedToFences = false
    let followedTo = ''
    const timers = new Set<ReturnType<typeof setTimeout>>()

    const fit = (animate: boolean): void => {
      const positions = [...live.devices.get().keys()].flatMap(id => {
        const position = motion.positionOf(id)
        return position === null ? [] : [position]
      })
      const fences = [...live.fences.get().values()].flatMap(fence => {
        const outline = fenceOutline(fence)
        return outline === null
          ? []
          : [outline.coordinates.flat(outline.type === 'Polygon' ? 1 : 2) as [number, number][]]
      })
      const seenAs = positions.length > 0 ? withNearFences(positions, fences) : fences.flat()
      if (seenAs.length === 0) return
      // Fences come first; the fleet still gets its turn.
      fitted = positions.length > 0
      fittedToFences = true
      const [west, south, east, north] = boxOf(seenAs)
      const bounds: LngLatBoundsLike = [
        [west, south],
        [east, north],
      ]
      map.fitBounds(bounds, { padding: FIT_MARGIN, maxZoom: fitZoom, animate, duration: 900 })
    }

    const fitFirst = (): void => {
      if (fitted || timers.size > 0) return
      if (live.devices.get().size === 0 && (fittedToFences || live.fences.get().size === 0)) return
      const timer = setTimeout(() => {
        timers.delete(timer)
        if (!fitted) fit(false)
      }, GATHER_MS)
      timers.add(timer)
    }

    const follow = (): void => {
      const { follow, deviceId } = selection.store.get()
      const fix = deviceId === null ? null : live.devices.get().get(deviceId)?.fix
      if (!follow || fix === null || fix === undefined) return
      const { lng, lat } = fix.location
      const goal = `${deviceId} ${lng} ${lat}`
      if (goal === followedTo) return
      followedTo = goal
      map.easeTo({
        center: [lng, lat],
        zoom: Math.max(map.getZoom(), Math.min(FOLLOW_ZOOM, fitZoom)),
        duration: GLIDE_LIMIT_MS,
        easing: part => part,
      })
    }

    const ping = (position: readonly [number, number]): void => {
      const element = document.createElement('div')
      element.className = 'ping'
      const marker = new Marker({ element }).setLngLat([...position]).addTo(map)
      const timer = setTimeout(() => {
        timers.delete(timer)
        if (handle.alive()) marker.remove()
      }, PING_MS)
      timers.add(timer)
    }

    const onSelection = (): void => {
      const before = seen
      seen = selection.store.get()
      if (seen.fitRequests !== before.fitRequests) fit(true)
      if (seen.follow) follow()
      else followedTo = ''
      fly()
    }

    const fly = (): void => {
      const { flyTo } = selection.store.get()
      if (flyTo === null) return
      fitted = true
      const zoom = Math.max(map.getZoom(), Math.min(FLY_ZOOM, fitZoom))
      map.flyTo({ center: [...flyTo.position], zoom, duration: 1_200 })
      if (flyTo.ping) ping(flyTo.position)
      selection.flown()
    }

    const onUserMove = (): void => {
      fitted = true
      selection.setFollow(false)
    }
    const onMoveEnd = (): void => {
      const { lng, lat } = map.getCenter()
      if (fitted) selection.section = { center: [lng, lat], zoom: map.getZoom() }
    }
    if (selection.section !== null) {
      const { center, zoom } = selection.section
      fitted = true
      map.jumpTo({ center: [...center], zoom })
    }
    map.on('moveend', onMoveEnd)
    map.on('dragstart', onUserMove)
    const unsubscribe = [
      selection.store.subscribe(onSelection),
      live.devices.subscribe(fitFirst),
      live.devices.subscribe(follow),
      live.fences.subscribe(fitFirst),
    ]
    fly()
    follow()
    fitFirst()
    return () => {
      map.off('moveend', onMoveEnd)
      map.off('dragstart', onUserMove)
      for (const stop of unsubscribe) stop()
      for (const timer of timers) clearTimeout(timer)
    }
  }, [live, selection, motion, handle, fitZoom])
  return null
}

/** Fences among the fleet or at its edge are seen whole; one in another city does not make the fleet small. */
function withNearFences(
  positions: readonly (readonly [number, number])[],
  fences: readonly (readonly [number, number])[][],
): (readonly [number, number])[] {
  const [west, south, east, north] = boxOf([...positions])
  const reach = Math.max((east - west) * FENCE_REACH, (north - south) * FENCE_REACH, FENCE_REACH_DEGREES)
  const near = fences.filter(corners => {
    const [left, bottom, right, top] = boxOf([...corners])
    return left > west - reach && right < east + reach && bottom > south - reach && top < north + reach
  })
  return [...positions, ...near.flat()]
}
