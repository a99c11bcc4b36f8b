import type { FenceFeature, LocationUpdate, SosEvent } from '../../../../contract/index.ts'
import type { AlertEvent } from './alerts.ts'
import type { Api } from './api.ts'
import { isFix } from './messages.ts'

/** A page of a list, as the platform answers. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

export interface KnownDevice {
  readonly id: string
  readonly name: string | undefined
  readonly groups: readonly string[]
  /** The newest fix. */
  readonly last: LocationUpdate | null
}

type Token = () => Promise<string>

/** No list is read further: the alerts show their newest 500, and six hours of fixes every second are 22 pages. */
const MAX_PAGES = 24

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
  type Listed = Omit<KnownDevice, 'name'> & { readonly name: string | null }
  const items = await readPages<Listed>(api, token, '/devices?limit=1000')
  return items.map(({ id, name, groups, last }) => ({ id, name: name ?? undefined, groups, last }))
}

/** All of a list, as far as {@link MAX_PAGES} go. @param path with a query */
async function readPages<Item>(api: Api, token: Token, path: string): Promise<Item[]> {
  const items: Item[] = []
  let cursor: string | null = null
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer: Page<Item> = await api.request(path + more, { token: await token() })
    items.push(...answer.items)
    cursor = answer.next
    if (cursor === null) break
  }
  return items
}

export interface TrackWindow {
  readonly fromMs: number
  readonly toMs: number
  /** Leaves out fixes that lie this near to the way between those that stay, metres. */
  readonly simplifyMeters?: number | undefined
}

/** The fixes of a device in a window of time, oldest first. */
export async function fetchHistory(
  api: Api,
  token: Token,
  deviceId: string,
  { fromMs, toMs, simplifyMeters }: TrackWindow,
): Promise<LocationUpdate[]> {
  const simplify = simplifyMeters === undefined ? '' : `&simplify=${simplifyMeters}`
  const query = `from=${Math.round(fromMs)}&to=${Math.round(toMs)}&limit=1000${simplify}`
  const fixes = await readPages<LocationUpdate>(api, token, `/devices/${encodeURIComponent(deviceId)}/history?${query}`)
  return fixes.filter(isFix)
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
