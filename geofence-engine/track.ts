import type { DeviceState, Fix } from './device-state.ts'
import { haversineMeters } from './geometry/geodesy.ts'

/** What is kept of a fix that is no longer the newest: time, place and, where told, accuracy in metres. */
export type RecentFix = readonly [timestamp: number, lng: number, lat: number, accuracy?: number]

/** Fixes before the newest that are kept; with the newest and the one being evaluated they are what rules look back on. */
const KEPT_FIXES = 7
/** So many fixes in a row at a place that nothing could have reached, and the place is believed. */
const BELIEVED_FIXES = 3
/** A position that tells nothing of its accuracy and has no neighbours to show it may be this far off, metres. */
const LEAST_SCATTER_METERS = 10

/** The last fixes of a device up to the one being evaluated. What is worked out from them is worked out when it is asked for. */
export class Track {
  readonly #state: DeviceState
  readonly #fix: Fix | null
  #fixes: readonly RecentFix[] | undefined
  #plausible: Map<number, readonly boolean[]> | undefined
  #scatter: number | undefined

  /** @param fix null: the newest one is being evaluated again */
  constructor(state: DeviceState, fix: Fix | null) {
    this.#state = state
    this.#fix = fix
  }
  /** From the oldest to the one being evaluated. */
  get fixes(): readonly RecentFix[] {
    if (this.#fixes === undefined) {
      const { recent = [], newest } = this.#state
      const last = [newest, this.#fix].filter(fix => fix !== null)
      this.#fixes = [...recent, ...last.map(recentFix)]
    }
    return this.#fixes
  }

  /**
   * Which of the fixes could have been reached from the last plausible one before them at `maxSpeed`. Where a device really was moved
   * faster, the third fix in a row that fits the others there is believed.
   */
  plausible(maxSpeed: number): readonly boolean[] {
    this.#plausible ??= new Map()
    let verdicts = this.#plausible.get(maxSpeed)
    if (verdicts === undefined) {
      verdicts = judge(this.fixes, (this.#state.recent?.length ?? 0) < KEPT_FIXES, maxSpeed)
      this.#plausible.set(maxSpeed, verdicts)
    }
    return verdicts
  }

  /**
   * How exact a fix is that does not say so: how far the last fixes lie off the straight way between their neighbours, at the worst.
   * Even motion adds nothing to it, noise and sudden turns do, and a jump does for as long as it is among the last fixes.
   */
  get scatterMeters(): number {
    this.#scatter ??= scatterOf(this.fixes)
    return this.#scatter
  }
}

/** What is kept for the next {@link Track}, once the newest fix is no longer the newest. */
export function recentAfter({ recent = [], newest }: DeviceState): readonly RecentFix[] {
  return newest === null ? [] : [...recent.slice(-(KEPT_FIXES - 1)), recentFix(newest)]
}

function recentFix({ timestamp, location: { lng, lat, accuracy } }: Fix): RecentFix {
  return accuracy === undefined ? [timestamp, lng, lat] : [timestamp, lng, lat, accuracy]
}

function isReachable(from: RecentFix, to: RecentFix, maxSpeed: number): boolean {
  const meters = haversineMeters(from[1], from[2], to[1], to[2]) - (from[3] ?? 0) - (to[3] ?? 0)
  return meters * 1_000 <= maxSpeed * (to[0] - from[0])
}

function judge(fixes: readonly RecentFix[], isWhole: boolean, maxSpeed: number): boolean[] {
  const verdicts = fixes.map(() => false)
  // In the middle of a track any fix may be the odd one: it is begun with two that agree.
  let anchor = isWhole
    ? 0
    : fixes.findIndex((fix, i) => i + 1 < fixes.length && isReachable(fix, fixes[i + 1]!, maxSpeed))
  if (anchor < 0) return verdicts
  verdicts[anchor] = true
  let inRow = 0
  for (let i = anchor + 1; i < fixes.length; i++) {
    if (!isReachable(fixes[anchor]!, fixes[i]!, maxSpeed)) {
      inRow = inRow > 0 && isReachable(fixes[i - 1]!, fixes[i]!, maxSpeed) ? inRow + 1 : 1
      if (inRow < BELIEVED_FIXES) continue
    }
    inRow = 0
    anchor = i
    verdicts[i] = true
  }
  return verdicts
}

function scatterOf(fixes: readonly RecentFix[]): number {
  let most = LEAST_SCATTER_METERS
  for (let i = 1; i + 1 < fixes.length; i++) {
    const [beforeTime, beforeLng, beforeLat] = fixes[i - 1]!
    const [time, lng, lat] = fixes[i]!
    const [afterTime, afterLng, afterLat] = fixes[i + 1]!
    const share = (time - beforeTime) / (afterTime - beforeTime)
    const east = shortWay(beforeLng, afterLng)
    const meters = haversineMeters(lng, lat, beforeLng + share * east, beforeLat + share * (afterLat - beforeLat))
    most = Math.max(most, meters)
  }
  return most
}

function shortWay(from: number, to: number): number {
  return to - from + 360 * Math.round((from - to) / 360)
}
