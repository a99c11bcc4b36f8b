import type { OffRouteSettings } from '../../contract/index.ts'
import type { Fix } from '../device-state.ts'
import type { Area } from '../geometry/area.ts'
import { corridorArea } from '../geometry/corridor-area.ts'
import { CLOSED, type DeviceRule, endOf, OPEN, type RuleContext, shown } from './device-rule.ts'
import { type EpisodeMemory, type Measured, stepEpisode } from './episode.ts'

const DEFAULT_HYSTERESIS_METERS = 10

interface Corridor {
  readonly area: Area
  readonly bufferMeters: number
  readonly fenceId?: string
}

/**
 * `off-route`: begins when the device is outside its corridor by more than its accuracy, ends when it is `hysteresisMeters`
 * inside again. Values are metres from the line. A device that never was on its route is off it.
 */
export const offRoute: DeviceRule<OffRouteSettings, EpisodeMemory> = (memory, fix, settings, context) => {
  const corridor = corridorOf(settings, context)
  if (corridor === null) {
    if (memory?.open === undefined) return { memory: undefined, verdicts: [] }
    const notice = endOf('off-route', memory.open, fix)
    const text = 'there is no such corridor any more'
    return {
      memory: undefined,
      verdicts: [{ event: 'off-route', notice, reason: 'fence_gone', text, before: OPEN, after: CLOSED }],
    }
  }
  // On its route and nothing pending: how far from the border does not matter, and costs more than all else.
  if (memory === undefined && corridor.area.covers(fix.location.lng, fix.location.lat)) return { memory, verdicts: [] }
  return stepEpisode(memory, fix, measure(corridor, fix, settings), {
    event: 'off-route',
    confirmation: settings,
    worse: Math.max,
  })
}

function measure({ area, bufferMeters, fenceId }: Corridor, { location }: Fix, settings: OffRouteSettings): Measured {
  const { lng, lat, accuracy = 0 } = location
  const { hysteresisMeters = DEFAULT_HYSTERESIS_METERS } = settings
  const inside = area.covers(lng, lat)
  const border = area.boundaryMeters(lng, lat)
  const value = inside ? Math.max(0, bufferMeters - border) : bufferMeters + border
  const about = { value, limit: bufferMeters, ...(fenceId !== undefined && { fenceId }) }
  const words = () => `${shown(value)} m from the line of its route, the corridor reaches ${shown(bufferMeters)} m`
  if (!inside) {
    if (border > accuracy) return { ...about, side: 'on', words }
    return { ...about, side: 'between', words: () => `${words()}, and the position is ±${shown(accuracy)} m` }
  }
  return { ...about, side: border >= Math.min(hysteresisMeters, bufferMeters / 2) ? 'off' : 'between', words }
}

/** Routes made ready for tests, as long as their settings are in memory. */
const compiled = new WeakMap<OffRouteSettings, Area>()

function corridorOf(settings: OffRouteSettings, context: RuleContext): Corridor | null {
  const { fenceId, route, bufferMeters } = settings
  if (fenceId !== undefined) {
    const fence = context.fence(fenceId)
    return fence === undefined ? null : { area: fence, bufferMeters: fence.feature.properties.buffer ?? 0, fenceId }
  }
  if (route === undefined || bufferMeters === undefined) return null
  let area = compiled.get(settings)
  if (area === undefined) {
    area = corridorArea(route as unknown as [number, number][], bufferMeters)
    compiled.set(settings, area)
  }
  return { area, bufferMeters }
}
