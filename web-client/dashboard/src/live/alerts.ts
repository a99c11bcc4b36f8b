import type { GeofenceEvent } from '../../../../contract/index.ts'

export interface Alerts {
  /** Newest first by the fix's time, at most {@link ALERT_LIMIT}. */
  readonly list: readonly GeofenceEvent[]
  readonly ids: ReadonlySet<string>
}

export const ALERT_LIMIT = 500
export const NO_ALERTS: Alerts = { list: [], ids: new Set() }

/** Adds events, each id once: MQTT delivers at least once, and HTTP fills the gaps with what came live as well. */
export function addAlerts(alerts: Alerts, events: readonly GeofenceEvent[]): Alerts {
  const ids = new Set(alerts.ids)
  const fresh: GeofenceEvent[] = []
  for (const event of events) {
    if (ids.has(event.id)) continue
    ids.add(event.id)
    fresh.push(event)
  }
  if (fresh.length === 0) return alerts
  const list = [...fresh, ...alerts.list].sort((a, b) => b.timestamp - a.timestamp).slice(0, ALERT_LIMIT)
  return { list, ids: new Set(list.map(({ id }) => id)) }
}

export interface Stay {
  readonly fenceId: string
  readonly fenceName: string
  readonly sinceMs: number
}

/** The fences a device is in as far as the events tell: entered, and not left since. */
export function staysOf(list: readonly GeofenceEvent[], deviceId: string): Stay[] {
  const decided = new Set<string>()
  const stays: Stay[] = []
  for (const event of list) {
    if (event.deviceId !== deviceId || event.event === 'dwell' || decided.has(event.fenceId)) continue
    decided.add(event.fenceId)
    if (event.event === 'enter') {
      stays.push({ fenceId: event.fenceId, fenceName: event.fenceName, sinceMs: event.timestamp })
    }
  }
  return stays
}
