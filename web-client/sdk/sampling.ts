import type { Location } from '../../contract/index.ts'

/** How often positions are sent: by movement and battery, so that a parked phone sleeps and a turning car is drawn as it drives. */
export interface SamplingPolicy {
  /** While moving, milliseconds; 5,000 when left out. */
  readonly intervalMs?: number
  /** While standing: a sign of life. 60,000 when left out. */
  readonly stillIntervalMs?: number
  /** A turn by so many degrees is sent at once; 30 when left out. */
  readonly turnDegrees?: number
  /** So far away from what was sent last is movement, metres; 15 when left out, and never less than the accuracy. */
  readonly minDistanceMeters?: number
  /** Below so much charge, and not charging, intervals are three times as long; 20 per cent when left out. */
  readonly lowBatteryPercent?: number
}

export interface Conditions {
  /** Per cent, where it is known. */
  readonly battery?: number | undefined
  readonly isCharging?: boolean | undefined
}

export interface Sample {
  readonly location: Location
  readonly timestamp: number
}

const DEFAULTS: Required<SamplingPolicy> = {
  intervalMs: 5_000,
  stillIntervalMs: 60_000,
  turnDegrees: 30,
  minDistanceMeters: 15,
  lowBatteryPercent: 20,
}
const LOW_BATTERY_FACTOR = 3
/** A turn or a start is told at once, but not more often than this. */
const SHORTEST_MS = 1_000
/** Slower is standing: what a receiver at rest reports. */
const STILL_METERS_PER_SECOND = 0.7

export function isMoving(sample: Sample, sent: Sample, policy: SamplingPolicy = {}): boolean {
  const { minDistanceMeters } = { ...DEFAULTS, ...policy }
  const { speed, accuracy = 0 } = sample.location
  if (speed !== undefined && speed >= STILL_METERS_PER_SECOND) return true
  return distanceMeters(sample.location, sent.location) > Math.max(minDistanceMeters, accuracy)
}

/** Whether a position is worth sending after the one that was sent last. */
export function isDue(
  sample: Sample,
  sent: Sample | null,
  conditions: Conditions,
  policy: SamplingPolicy = {},
): boolean {
  if (sent === null) return true
  const { intervalMs, stillIntervalMs, turnDegrees, lowBatteryPercent } = { ...DEFAULTS, ...policy }
  const { battery, isCharging } = conditions
  const isLow = battery !== undefined && battery < lowBatteryPercent && isCharging !== true
  const factor = isLow ? LOW_BATTERY_FACTOR : 1
  const sinceMs = sample.timestamp - sent.timestamp
  if (sinceMs < Math.min(SHORTEST_MS, intervalMs)) return false
  if (!isMoving(sample, sent, policy)) return sinceMs >= stillIntervalMs * factor
  if (sinceMs >= intervalMs * factor) return true
  return !isLow && turn(sample.location.heading, sent.location.heading) >= turnDegrees
}

function turn(heading: number | undefined, before: number | undefined): number {
  if (heading === undefined || before === undefined) return 0
  const difference = Math.abs(heading - before) % 360
  return Math.min(difference, 360 - difference)
}

/** On a sphere: good enough to tell moving from standing. */
function distanceMeters(a: Location, b: Location): number {
  const RADIUS_METERS = 6_371_000
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const dLat = radians(b.lat - a.lat)
  const dLng = radians(b.lng - a.lng) * Math.cos(radians((a.lat + b.lat) / 2))
  return RADIUS_METERS * Math.hypot(dLat, dLng)
}
