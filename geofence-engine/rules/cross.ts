import type { CompiledFence } from '../compiled-fence.ts'
import type { Fix } from '../device-state.ts'
import { haversineMeters } from '../geometry/geodesy.ts'
import { positionAt, type Segment, type Span, segmentBetween } from '../geometry/segment.ts'
import type { RecentFix, Track } from '../track.ts'
import { neededMeters } from './reading.ts'

/** After a longer silence the straight line says nothing of the way that was taken. */
export const MAX_CROSS_GAP_MS = 300_000
/** Metres per second (540 km/h) beyond which a line is a jump and not a way, where the fence has no `maxSpeed` of its own. */
const MAX_CROSS_SPEED = 150
/** More visits on one line are told as one, from the first entering to the last leaving. */
const MAX_VISITS = 8

/** A place between two fixes. */
export interface Between {
  readonly timestamp: number
  readonly location: { readonly lat: number; readonly lng: number }
}

/** A stretch of the way that lies on the other side than what is known: a visit, or an absence. */
export interface Excursion {
  readonly from: Between
  readonly to: Between
  /** Where something that falls due meanwhile happened. */
  at(timestamp: number): Between
}

/** The newest fix before the one being evaluated that the fence did not ignore; undefined: none of the last few. */
export function previousCounted({ noise }: CompiledFence, track: Track): RecentFix | undefined {
  const { fixes } = track
  const plausible = noise !== null && noise.maxSpeed < Number.POSITIVE_INFINITY ? track.plausible(noise.maxSpeed) : null
  for (let i = fixes.length - 2; i >= 0; i--) {
    if (plausible?.[i] === false || (noise !== null && (fixes[i]![3] ?? 0) > noise.maxAccuracy)) continue
    return fixes[i]!
  }
  return undefined
}

/**
 * `cross`: visits to the fence (`inside` false), or absences from it, that lie wholly between two fixes. As with fixes, they count only if
 * their middle is far enough across the border. None after a long silence or along a line that nothing could have travelled.
 */
export function excursionsBetween(fence: CompiledFence, inside: boolean, from: RecentFix, to: Fix): Excursion[] {
  const [fromTime, fromLng, fromLat, fromAccuracy] = from
  const { lng, lat, accuracy } = to.location
  const ms = to.timestamp - fromTime
  if (ms > MAX_CROSS_GAP_MS) return []
  const maxSpeed = Math.min(fence.noise?.maxSpeed ?? MAX_CROSS_SPEED, MAX_CROSS_SPEED)
  const slack = (fromAccuracy ?? 0) + (accuracy ?? 0)
  if ((haversineMeters(fromLng, fromLat, lng, lat) - slack) * 1_000 > maxSpeed * ms) return []
  const segment = segmentBetween(fromLng, fromLat, lng, lat)
  const timeAt = (fraction: number) => fromTime + Math.round(fraction * ms)
  const at = (timestamp: number): Between => between(segment, timestamp, (timestamp - fromTime) / ms)
  const needed = neededMeters(fence, !inside, Math.max(fromAccuracy ?? 0, accuracy ?? 0))
  const spans = joined(inside ? gapsOf(fence.coveredAlong(segment)) : fence.coveredAlong(segment))
  return spans.flatMap(([first, last]): Excursion[] => {
    const begin = timeAt(first)
    const end = timeAt(last)
    if (begin <= fromTime || end <= begin || end >= to.timestamp) return []
    const depth = fence.boundaryMeters(...positionAt(segment, (first + last) / 2))
    if (depth < needed) return []
    return [{ from: between(segment, begin, first), to: between(segment, end, last), at }]
  })
}

function between(segment: Segment, timestamp: number, fraction: number): Between {
  const [lng, lat] = positionAt(segment, fraction)
  return { timestamp, location: { lat, lng } }
}

/** What lies between the covered stretches. */
function gapsOf(spans: readonly Span[]): Span[] {
  return spans.slice(1).map(([from], i): Span => [spans[i]![1], from])
}

function joined(spans: Span[]): Span[] {
  const inner = spans.filter(([from, to]) => from > 0 && to < 1)
  return inner.length <= MAX_VISITS ? inner : [[inner[0]![0], inner.at(-1)![1]]]
}
