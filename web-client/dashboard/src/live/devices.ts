import type { DeviceStatus, LocationUpdate } from '../../../../contract/index.ts'

/** One point of a trail: `[longitude, latitude]` and the fix's time. */
export interface TrailPoint {
  readonly position: readonly [number, number]
  readonly timestamp: number
}

export interface Device {
  readonly id: string
  /** What people call it; the id when it has no other name. */
  readonly name: string
  readonly groups: readonly string[]
  readonly fix: LocationUpdate | null
  readonly status: DeviceStatus | null
  /** The live positions of the last minutes, oldest first; the newest is the current one. */
  readonly trail: readonly TrailPoint[]
}

export type Devices = ReadonlyMap<string, Device>

/** What an operator tells apart at a glance. `stale` = connected or unknown, but no fix for long. */
export type DeviceState = 'moving' | 'stopped' | 'stale' | 'offline' | 'unknown'

export const TRAIL_MS = 10 * 60_000
export const TRAIL_POINTS = 600
/** Of all trails together: a large fleet has shorter ones. Ten minutes at one fix a second for a hundred devices. */
const ALL_TRAIL_POINTS = 60_000
const FEWEST_TRAIL_POINTS = 6
/** A straight line across a longer silence would claim a road that nobody saw: the trail begins anew. */
export const TRAIL_GAP_MS = 3 * 60_000
/** A device without a fix for longer than this is shown as such, whatever its connection says. */
export const STALE_AFTER_MS = 5 * 60_000
/** Slower than a walk: GPS noise of a parked vehicle stays below. Metres per second. */
export const MOVING_MPS = 0.8

const NO_GROUPS: readonly string[] = []

const unknownDevice = (id: string): Device => ({ id, name: id, groups: NO_GROUPS, fix: null, status: null, trail: [] })

/**
 * Takes in fixes in the order they came. The newest fix wins: an older or repeated one changes nothing, so a late
 * message never moves the dot back. Many at once cost one copy of the map.
 */
export function applyFixes(devices: Devices, fixes: readonly (readonly [id: string, fix: LocationUpdate])[]): Devices {
  let next: Map<string, Device> | null = null
  const most = Math.min(TRAIL_POINTS, Math.max(FEWEST_TRAIL_POINTS, Math.floor(ALL_TRAIL_POINTS / devices.size)))
  for (const [id, fix] of fixes) {
    const device = (next ?? devices).get(id) ?? unknownDevice(id)
    if (device.fix !== null && fix.timestamp <= device.fix.timestamp) continue
    next ??= new Map(devices)
    next.set(id, { ...device, fix, trail: extendTrail(device.trail, fix, most) })
  }
  return next ?? devices
}

/** Many at once cost one copy of the map, as with fixes. */
export function applyStatuses(
  devices: Devices,
  statuses: readonly (readonly [id: string, status: DeviceStatus | null])[],
): Devices {
  if (statuses.length === 0) return devices
  const next = new Map(devices)
  for (const [id, status] of statuses) next.set(id, { ...(next.get(id) ?? unknownDevice(id)), status })
  return next
}

/** Devices the platform knows of, though they may never have reported. */
export function applyRegistered(
  devices: Devices,
  registered: readonly {
    readonly id: string
    readonly name: string | undefined
    readonly groups?: readonly string[]
  }[],
): Devices {
  let next: Map<string, Device> | null = null
  for (const { id, name, groups = NO_GROUPS } of registered) {
    const device = (next ?? devices).get(id)
    const wanted = name === undefined || name === '' ? (device?.name ?? id) : name
    if (device?.name === wanted && isSame(device.groups, groups)) continue
    next ??= new Map(devices)
    next.set(id, { ...(device ?? unknownDevice(id)), name: wanted, groups })
  }
  return next ?? devices
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])

function extendTrail(trail: readonly TrailPoint[], fix: LocationUpdate, most: number): TrailPoint[] {
  const newest = trail.at(-1)
  const silent = newest !== undefined && fix.timestamp - newest.timestamp > TRAIL_GAP_MS
  const oldest = silent ? fix.timestamp : fix.timestamp - TRAIL_MS
  // Points are in the order of time: nearly always none or one has to go.
  const from = trail.findIndex(point => point.timestamp >= oldest)
  const kept = from === -1 ? [] : trail.slice(from)
  kept.push({ position: [fix.location.lng, fix.location.lat], timestamp: fix.timestamp })
  return kept.length > most ? kept.slice(kept.length - most) : kept
}

/**
 * Speed in metres per second: what the device says, else from its last two fixes, else null.
 * A receiver that reports no speed still moves.
 */
export function speedOf(device: Device): number | null {
  const said = device.fix?.location.speed
  if (said !== undefined) return said
  const [before, now] = device.trail.slice(-2)
  if (before === undefined || now === undefined) return null
  const seconds = (now.timestamp - before.timestamp) / 1_000
  return seconds > 0 && seconds < 120 ? metersBetween(before.position, now.position) / seconds : null
}

/** @param nowMs the platform's clock as the dashboard knows it */
export function stateOf(device: Device, nowMs: number): DeviceState {
  if (device.status?.state === 'offline') return 'offline'
  if (device.fix === null) return 'unknown'
  if (nowMs - device.fix.timestamp > STALE_AFTER_MS) return 'stale'
  const speed = speedOf(device)
  if (speed === null) return 'stopped'
  return speed >= MOVING_MPS ? 'moving' : 'stopped'
}

/** Battery in per cent: of the newest fix, else of the status. */
export function batteryOf(device: Device): number | null {
  return device.fix?.metadata?.battery ?? device.status?.battery ?? null
}

/** Great-circle distance in metres on a sphere: for display, never for a fence. */
export function metersBetween(a: readonly [number, number], b: readonly [number, number]): number {
  const rad = Math.PI / 180
  const dLat = (b[1] - a[1]) * rad
  const dLng = (b[0] - a[0]) * rad
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1] * rad) * Math.cos(b[1] * rad) * Math.sin(dLng / 2) ** 2
  return 2 * 6_371_008.8 * Math.asin(Math.min(1, Math.sqrt(h)))
}
