import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { DeviceEvent, DeviceEventKind, GeofenceTransition, SosTransition } from '../contract/index.ts'

/**
 * The id of a crossing or a dwell: `ge-` and 32 hex digits, the same however often it is computed.
 * @param timestamp of the crossing's fix; of a dwell: when the stay began, so that it does not matter who noticed; milliseconds
 * @param variant of a dwell: which repetition, or `overstay`
 */
export function geofenceEventId(
  org: string,
  deviceId: string,
  fenceId: string,
  event: GeofenceTransition,
  timestamp: number,
  variant?: number | 'overstay',
): string {
  const parts = [org, deviceId, fenceId, event, timestamp]
  return `ge-${digest(variant === undefined ? parts : [...parts, variant], 32)}`
}

/**
 * The id of what a rule says of a device: `de-` and 32 hex digits, the same however often it is computed.
 * @param timestamp of the event, milliseconds
 * @param about what tells apart events of one kind at one time, like the other device
 */
export function deviceEventId(
  org: string,
  deviceId: string,
  event: DeviceEventKind,
  phase: DeviceEvent['phase'],
  timestamp: number,
  ...about: readonly string[]
): string {
  return `de-${digest([org, deviceId, event, phase, timestamp, ...about], 32)}`
}

/** What the begin and the end of one episode share: `ep-` and 32 hex digits. `since` is the time of its begin. */
export function episodeId(
  org: string,
  deviceId: string,
  event: DeviceEventKind,
  since: number,
  ...about: readonly string[]
): string {
  return `ep-${digest([org, deviceId, event, since, ...about], 32)}`
}

/** The id of the alert that a trigger opens: `sos-` and 24 hex digits. */
export function sosAlertId(org: string, deviceId: string, requestId: string): string {
  return `sos-${digest([org, deviceId, requestId], 24)}`
}

/**
 * The id of one transition of an alert: `se-` and 32 hex digits. `tier` and `repeat` tell escalations apart, `round` what came
 * after the alert was taken up again.
 */
export function sosEventId(
  org: string,
  alertId: string,
  event: SosTransition,
  {
    tier,
    repeat = 0,
    round = 0,
  }: { tier?: number | undefined; repeat?: number | undefined; round?: number | undefined } = {},
): string {
  const parts = tier === undefined ? [org, alertId, event] : [org, alertId, event, tier]
  return `se-${digest(repeat === 0 && round === 0 ? parts : [...parts, `repeat ${repeat}`, `round ${round}`], 32)}`
}

/** The id of the command that tells a device its request was received: `sr-` and 32 hex digits. */
export function sosReceivedId(org: string, alertId: string, requestId: string): string {
  return `sr-${digest([org, alertId, requestId], 32)}`
}

/** The id of an incident: `in-` and 24 hex digits. `beganBy` is the id of the event that opened it. */
export function incidentId(org: string, key: string, beganBy: string): string {
  return `in-${digest([org, key, beganBy], 24)}`
}

/** Hex digits of the SHA-256 of a list; as JSON, so that no two lists read the same. */
function digest(parts: readonly (string | number)[], digits: number): string {
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(parts)))).slice(0, digits)
}
