import type { DeviceEvent, FenceFeature, GeofenceEvent, LocationUpdate, SosEvent } from '../../contract/index.ts'
import { errorOf, isTokenFault, RealtimeError } from './errors.ts'
import type { TokenSource } from './token.ts'

/** A part of a list; `next` leads to the rest, null = there is none. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}
export interface PageQuery {
  readonly limit?: number
  readonly cursor?: string
}
/** Times are milliseconds, `from` inclusive, `to` exclusive. */
export interface TimeRange {
  readonly from?: number
  readonly to?: number
}

export interface Device {
  readonly id: string
  readonly name: string | null
  readonly groups: readonly string[]
  readonly createdAt: number
  readonly last: LocationUpdate | null
}

export interface SosAlert {
  readonly alertId: string
  readonly deviceId: string
  readonly state: 'open' | 'acknowledged' | 'resolved' | 'cancelled'
  readonly openedAt: number
  readonly closedAt: number | null
  readonly tier: number
  readonly drill: boolean
  readonly acknowledgedBy: string | null
  readonly newest: SosEvent | null
}

export interface CommandRequest {
  /** Of the caller's choice: said again, it is the same command. Made by the platform when left out. */
  readonly id?: string
  readonly name: string
  readonly args?: Readonly<Record<string, unknown>>
  /** Milliseconds; what has not reached the device by then is dropped. */
  readonly expiresAt?: number
}

export type AlertEvent = GeofenceEvent | DeviceEvent

const TIMEOUT_MS = 15_000

/** The HTTP API of the platform: what is stored, and what one asks for once. Every method throws {@link RealtimeError}. */
export class HttpApi {
  readonly #url: string
  readonly #tokens: TokenSource

  constructor(url: string, tokens: TokenSource) {
    this.#url = url
    this.#tokens = tokens
  }

  devices(query: PageQuery = {}): Promise<Page<Device>> {
    return this.get('/devices', query)
  }

  device(deviceId: string): Promise<Device> {
    return this.get(`/devices/${encodeURIComponent(deviceId)}`)
  }

  /** The fixes of a device, ascending by time; `simplify` in metres leaves out what lies on the way anyway. */
  history(
    deviceId: string,
    query: TimeRange & PageQuery & { readonly simplify?: number } = {},
  ): Promise<Page<LocationUpdate>> {
    return this.get(`/devices/${encodeURIComponent(deviceId)}/history`, query)
  }

  /** All of it, page by page. */
  async *wholeHistory(
    deviceId: string,
    range: TimeRange & { readonly simplify?: number } = {},
  ): AsyncGenerator<LocationUpdate> {
    let cursor: string | undefined
    do {
      const { items, next } = await this.history(deviceId, {
        ...range,
        limit: 1_000,
        ...(cursor !== undefined && { cursor }),
      })
      yield* items
      cursor = next ?? undefined
    } while (cursor !== undefined)
  }

  fences(query: PageQuery = {}): Promise<Page<FenceFeature>> {
    return this.get('/fences', query)
  }

  /** Creates a fence or replaces the one with this id. */
  putFence(fence: FenceFeature & { readonly id: string }): Promise<FenceFeature> {
    return this.request('PUT', `/fences/${encodeURIComponent(fence.id)}`, fence)
  }

  async deleteFence(fenceId: string): Promise<void> {
    await this.request('DELETE', `/fences/${encodeURIComponent(fenceId)}`)
  }

  /** Events of fences and rules as announced, newest first; `standing`: without what was taken back. */
  alerts(
    query: TimeRange &
      PageQuery & {
        readonly deviceId?: string
        readonly fenceId?: string
        readonly event?: string
        readonly standing?: boolean
      } = {},
  ): Promise<Page<AlertEvent>> {
    return this.get('/alerts', query)
  }

  sosAlerts(query: PageQuery & { readonly state?: 'open' | 'closed' | 'all' } = {}): Promise<Page<SosAlert>> {
    return this.get('/sos', query)
  }

  async acknowledgeSos(alertId: string, note?: string): Promise<void> {
    await this.request('POST', `/sos/${encodeURIComponent(alertId)}/acknowledge`, note === undefined ? {} : { note })
  }

  async resolveSos(
    alertId: string,
    answer: { readonly note?: string; readonly outcome?: 'resolved' | 'false-alarm' } = {},
  ): Promise<void> {
    await this.request('POST', `/sos/${encodeURIComponent(alertId)}/resolve`, answer)
  }

  /** Asks a device to do something; the answer is what the platform says of the command it queued. */
  sendCommand(
    deviceId: string,
    { id, name, args = {}, expiresAt }: CommandRequest,
  ): Promise<Readonly<Record<string, unknown>>> {
    const body = { ...(id !== undefined && { id }), name, args, ...(expiresAt !== undefined && { expiresAt }) }
    return this.request('POST', `/devices/${encodeURIComponent(deviceId)}/commands`, body)
  }

  /** For what has no method of its own; `path` begins behind `/api/v1`. */
  get<Answer>(path: string, query: object = {}): Promise<Answer> {
    const said = Object.entries(query).filter(([, value]) => value !== undefined)
    const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString()
    return this.request('GET', text === '' ? path : `${path}?${text}`)
  }

  async request<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    try {
      return await this.#send<Answer>(method, path, body)
    } catch (error) {
      if (!isTokenFault(error) || !this.#tokens.isRenewable) throw error
      this.#tokens.forget()
      return this.#send<Answer>(method, path, body)
    }
  }

  async #send<Answer>(method: string, path: string, body: unknown): Promise<Answer> {
    const { jwt } = await this.#tokens.get()
    const headers: Record<string, string> = { authorization: `Bearer ${jwt}`, accept: 'application/json' }
    if (body !== undefined) headers['content-type'] = 'application/json'
    let response: Response
    try {
      response = await fetch(`${this.#url}/api/v1${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    } catch (cause) {
      throw new RealtimeError('unreachable', 'the platform cannot be reached', { cause })
    }
    if (!response.ok) throw await errorOf(response)
    const text = await response.text()
    try {
      return (text === '' ? null : JSON.parse(text)) as Answer
    } catch (cause) {
      throw new RealtimeError('answer_invalid', 'the answer is not JSON; is this the address of the platform?', {
        cause,
      })
    }
  }
}
