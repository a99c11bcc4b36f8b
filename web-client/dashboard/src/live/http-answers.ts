import type { FenceFeature, LocationUpdate, SosEvent } from '../../../../contract/index.ts'
import type { AlertEvent } from './alerts.ts'
import type { Api } from './api.ts'
import { isFix } from './messages.ts'

interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

export interface KnownDevice {
  readonly id: string
  readonly name: string | undefined
}

type Token = () => Promise<string>

/** No list is read further: the alerts show their newest 500, and an hour of fixes every second is four pages. */
const MAX_PAGES = 10

/**
 * The newest events. With `known` ids it reads back until one of them: after an outage the list has no hole.
 * The first time nothing is known, and one page is enough.
 */
export async function fetchAlerts(api: Api, token: Token, known: ReadonlySet<string>): Promise<AlertEvent[]> {
  const events: AlertEvent[] = []
  let cursor: string | null = null
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer: Page<AlertEvent> = await api.request(`/alerts?limit=100${query}`, { token: await token() })
    events.push(...answer.items)
    cursor = answer.next
    if (cursor === null || known.size === 0 || answer.items.some(({ id }) => known.has(id))) break
  }
  return events
}

/** An alert as the API lists it: `newest` is its newest event. */
interface ListedAlert {
  readonly alertId: string
  readonly deviceId: string
  readonly state: string
  readonly openedAt: number
  readonly newest: SosEvent | null
}

/** Open alerts. When the list is not `complete`, nothing may be concluded from an absence. */
export async function fetchOpenSos(api: Api, token: Token): Promise<{ open: SosEvent[]; complete: boolean }> {
  const answer = await api.request<Page<ListedAlert>>('/sos?state=open&limit=1000', { token: await token() })
  return { open: answer.items.map(eventOf), complete: answer.next === null }
}

function eventOf({ alertId, deviceId, state, openedAt, newest }: ListedAlert): SosEvent {
  const event = newest ?? { id: alertId, alertId, deviceId, event: 'triggered', timestamp: openedAt, openedAt }
  return state === 'acknowledged' ? { ...event, event: 'acknowledged' } : event
}

export async function fetchFences(api: Api, token: Token): Promise<{ fences: FenceFeature[]; complete: boolean }> {
  const { items, next } = await api.request<Page<FenceFeature>>('/fences?limit=1000', { token: await token() })
  return { fences: [...items], complete: next === null }
}

export async function fetchDevices(api: Api, token: Token): Promise<KnownDevice[]> {
  const { items } = await api.request<Page<{ id: string; name: string | null }>>('/devices?limit=1000', {
    token: await token(),
  })
  return items.map(({ id, name }) => ({ id, name: name ?? undefined }))
}

/** The fixes of a device in a window of time, oldest first. */
export async function fetchHistory(
  api: Api,
  token: Token,
  deviceId: string,
  window: { readonly fromMs: number; readonly toMs: number },
): Promise<LocationUpdate[]> {
  const query = `from=${Math.round(window.fromMs)}&to=${Math.round(window.toMs)}&limit=1000`
  const path = `/devices/${encodeURIComponent(deviceId)}/history?${query}`
  const fixes: LocationUpdate[] = []
  let cursor: string | null = null
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer: Page<LocationUpdate> = await api.request(path + more, { token: await token() })
    fixes.push(...answer.items.filter(isFix))
    cursor = answer.next
    if (cursor === null) break
  }
  return fixes
}

export interface PlatformConfig {
  readonly version: string
  readonly mapTileUrl: string | null
  /** Of MQTT over TCP; null when it is off. */
  readonly mqttPort: number | null
}

export async function fetchConfig(api: Api, token: Token): Promise<PlatformConfig> {
  return api.request<PlatformConfig>('/config', { token: await token() })
}
