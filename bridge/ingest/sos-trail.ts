import { buildTopic, type LocationUpdate, type SosTrailPoint } from '../../contract/index.ts'
import type { OutgoingMessage } from '../store/outbox.ts'
import type { OpenAlerts } from './open-alerts.ts'
import type { CommittedState } from './state-cache.ts'

/** The trail of an alert begins so long before it: how the device came to where it happened. */
export const TRAIL_LEAD_MS = 300_000

interface TrailFix {
  readonly key: string
  readonly org: string
  readonly deviceId: string
  readonly fix: LocationUpdate
}

/**
 * The messages on the trails of open alerts for fixes that are stored, in order of their arrival.
 * @param known the devices' states before these fixes
 */
export function trailMessages(
  alerts: OpenAlerts,
  stored: Iterable<TrailFix>,
  known: ReadonlyMap<string, CommittedState>,
): OutgoingMessage[] {
  if (alerts.size === 0) return []
  const messages: OutgoingMessage[] = []
  const newest = new Map<string, number>()
  for (const { key, org, deviceId, fix } of stored) {
    const alert = alerts.get({ org, deviceId })
    if (alert === undefined || fix.timestamp < alert.openedAt - TRAIL_LEAD_MS) continue
    const newestTime = newest.get(key) ?? known.get(key)?.newest?.timestamp ?? Number.NEGATIVE_INFINITY
    const late = fix.timestamp < newestTime
    newest.set(key, Math.max(newestTime, fix.timestamp))
    const point: SosTrailPoint = { ...fix, deviceId, alertId: alert.alertId, ...(late ? { late } : {}) }
    const topic = buildTopic('sosTrail', { org, deviceId })
    messages.push({ topic, payload: JSON.stringify(point), qos: 1, retain: false })
  }
  return messages
}
