import type { Map as MapLibreMap } from 'maplibre-gl'

/** Beyond the edge of the screen, as a part of it: a map that is moved finds its markers there before the next frame. */
const BEYOND = 0.25

/** Whether a place, `[longitude, latitude]`, is on the screen or near it. The map is never turned, so its bounds are the screen. */
export function viewTest(map: MapLibreMap): (position: readonly [number, number]) => boolean {
  const bounds = map.getBounds()
  const west = bounds.getWest()
  const east = bounds.getEast()
  const south = bounds.getSouth()
  const north = bounds.getNorth()
  const width = (east - west) * BEYOND
  const height = (north - south) * BEYOND
  // Zoomed far out the same place is on the screen more than once.
  if (east - west >= 360) return ([, lat]) => lat > south - height && lat < north + height
  return ([lng, lat]) => {
    if (lat < south - height || lat > north + height) return false
    const turned = lng < west - width ? lng + 360 : lng > east + width ? lng - 360 : lng
    return turned >= west - width && turned <= east + width
  }
}
