import type { Alarm } from '../../contract/index.ts'
import type { Attributes } from './vocabulary.ts'

export type { Alarm } from '../../contract/index.ts'

/** Where a device says it is. Degrees WGS 84, metres, metres per second, degrees clockwise from true north. */
export interface Position {
  readonly lat: number
  readonly lng: number
  /** False: the receiver had no fix; the coordinates are the last ones that it knew, or nothing at all. */
  readonly valid: boolean
  readonly accuracy?: number
  readonly speed?: number
  readonly heading?: number
  readonly altitude?: number
}

/** One moment of one device, whatever its protocol. */
export interface Report {
  /** Milliseconds since the Unix epoch; null when the frame has no full date: it counts as of its receipt. */
  readonly timestamp: number | null
  /** Null in reports without a position, like a heartbeat that tells the battery. */
  readonly position: Position | null
  readonly alarms: readonly Alarm[]
  readonly attributes: Attributes
}

const KNOT_METERS_PER_SECOND = 1852 / 3600

export function knotsToMetersPerSecond(knots: number): number {
  return knots * KNOT_METERS_PER_SECOND
}

export function metersPerSecondToKnots(metersPerSecond: number): number {
  return metersPerSecond / KNOT_METERS_PER_SECOND
}

export function kilometersPerHourToMetersPerSecond(kilometersPerHour: number): number {
  return kilometersPerHour / 3.6
}

/** A heading brought into 0 (inclusive) to 360 (exclusive). */
export function normalHeading(degrees: number): number {
  const turned = degrees % 360
  return turned < 0 ? turned + 360 : turned
}
