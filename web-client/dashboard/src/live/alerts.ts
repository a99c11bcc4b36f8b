import type { DeviceEvent, GeofenceEvent } from '../../../../contract/index.ts'

/** What a fence or a rule of a device had to say. */
export type AlertEvent = GeofenceEvent | DeviceEvent

export interface Alerts {
  /** Newest first by their own time, at most {@link ALERT_LIMIT}. Corrections are not listed: they mark what they retract. */
  readonly list: readonly AlertEvent[]
  /** Of the list, and of the corrections met. */
  readonly ids: ReadonlySet<string>
  /** Ids of events that later positions contradicted, met or still to come. */
  readonly retracted: ReadonlySet<string>
}

export const ALERT_LIMIT = 500
export const NO_ALERTS: Alerts = { list: [], ids: new Set(), retracted: new Set() }

/** Adds events, each id once: MQTT delivers at least once, and HTTP fills the gaps with what came live as well. */
export function addAlerts(alerts: Alerts, events: readonly AlertEvent[]): Alerts {
  const ids = new Set(alerts.ids)
  const retracted = new Set(alerts.retracted)
  const fresh: AlertEvent[] = []
  for (const event of events) {
    if (ids.has(event.id)) continue
    ids.add(event.id)
    if (event.retracts === undefined) fresh.push(event)
    else retracted.add(event.retracts)
  }
  if (ids.size === alerts.ids.size) return alerts
  const list = [...fresh, ...alerts.list].sort((a, b) => b.timestamp - a.timestamp).slice(0, ALERT_LIMIT)
  if (ids.size <= 2 * ALERT_LIMIT) return { list, ids, retracted }
  const kept = new Set(list.map(({ id }) => id))
  return { list, ids: kept, retracted: new Set([...retracted].filter(id => kept.has(id))) }
}

export function isOfFence(event: AlertEvent): event is GeofenceEvent {
  return 'fenceName' in event
}

export interface Stay {
  readonly fenceId: string
  readonly fenceName: string
  readonly sinceMs: number
}

/** The fences a device is in as far as the standing events tell: entered, and not left since. */
export function staysOf({ list, retracted }: Pick<Alerts, 'list' | 'retracted'>, deviceId: string): Stay[] {
  const decided = new Set<string>()
  const stays: Stay[] = []
  for (const event of list) {
    if (!isOfFence(event) || event.deviceId !== deviceId || event.event === 'dwell') continue
    if (decided.has(event.fenceId) || retracted.has(event.id)) continue
    decided.add(event.fenceId)
    if (event.event === 'enter') {
      stays.push({ fenceId: event.fenceId, fenceName: event.fenceName, sinceMs: event.timestamp })
    }
  }
  return stays
}
