import type { Location, LocationUpdate } from '../contract/index.ts'
import type { FenceReason } from './reasons.ts'
import type { RecentFix } from './track.ts'

/** What rules see of a fix. `timestamp` in milliseconds since the Unix epoch, battery in per cent. */
export interface Fix {
  readonly timestamp: number
  readonly location: Location
  readonly ignition?: boolean
  readonly battery?: number
}

/** What the rules see of a stored or received fix: `attributes.ignition` and `metadata.battery` come along. */
export function engineFix({ timestamp, location, metadata, attributes }: LocationUpdate): Fix {
  const ignition = attributes?.ignition
  const battery = metadata?.battery
  const fix: { -readonly [Part in keyof Fix]: Fix[Part] } = { timestamp, location }
  if (typeof ignition === 'boolean') fix.ignition = ignition
  if (battery !== undefined) fix.battery = battery
  return fix
}

/** Whose fixes these are: the organisation's fences apply, narrowed by device and groups. */
export interface Device {
  readonly org: string
  readonly deviceId: string
  readonly groups: readonly string[]
}

/** Fixes in a row on the side that the device is not yet known to be on. */
export interface PendingCrossing {
  readonly count: number
  readonly first: Fix
}

/** A stay in a fence that says something of stays. */
export interface Stay {
  /** When it began, milliseconds: the time of the `enter`, or of the schedule. */
  readonly since: number
  /** The last fix that showed the device there; absent: the newest fix. What was due up to then was told. */
  readonly last?: Fix
}

/** What is remembered of a device and a fence. A fence that it is outside of, with nothing pending, is not remembered. */
export interface FenceMemory {
  readonly inside: boolean
  readonly stay?: Stay
  /** Why the last fix on the other side did not count: the next one for the same reason is not noted again. */
  readonly withheld?: FenceReason
  readonly pending?: PendingCrossing
  /** Which side the device began on is not known: an enter that comes of it is `initial`. */
  readonly undecided?: true
}

/** What is kept of a device between two fixes. Survives `JSON.parse(JSON.stringify(state))`. */
export interface DeviceState {
  readonly newest: Fix | null
  readonly fences: Readonly<Record<string, FenceMemory>>
  /**
   * The best accuracy of any fix so far in metres, 0 when one came without; tells which fences with `maxAccuracy` have
   * heard of the device at all. Absent: good enough for every fence.
   */
  readonly bestAccuracy?: number
  /** A few fixes before the newest, from the oldest; only where a fence looks back on them. */
  readonly recent?: readonly RecentFix[]
  /** What the rules of the device remember, by the rule's name. */
  readonly rules?: Readonly<Record<string, unknown>>
}

/** The state of a device that nothing is known of. */
export function emptyState(): DeviceState {
  return { newest: null, fences: {} }
}
