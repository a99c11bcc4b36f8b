import { buildFilter, type DeviceStatus, type LocationUpdate } from '../../../../contract/index.ts'
import { type Api, ApiError } from '../live/api.ts'
import { backoffMs } from '../live/backoff.ts'
import { type Connection, startConnection } from '../live/connection.ts'
import { applyFixes, applyRegistered, applyStatuses, type Devices } from '../live/devices.ts'
import type { Batch } from '../live/inbox.ts'
import type { Fences } from '../live/live.ts'
import { NO_SOS, type SosState } from '../live/sos.ts'
import { createStore, type Store } from '../live/store.ts'
import type { OpenWire } from '../live/wire.ts'
import { type OpenedLink, openLink, type Shared } from './opened-link.ts'

export interface ViewingState {
  /** `waiting`: the platform cannot be reached yet; `wrong`: no link has this code. */
  readonly phase: 'opening' | 'waiting' | 'open' | 'ended' | 'wrong'
  /** In a sentence, for `ended`, `wrong` and `waiting`. */
  readonly reason: string | null
  readonly shared: Shared | null
}

/** One page that looks at what a link shows. */
export interface Viewing {
  readonly store: Store<ViewingState>
  readonly devices: Store<Devices>
  /** A link shows neither fences nor SOS: these are always empty. */
  readonly fences: Store<Fences>
  readonly sos: Store<SosState>
  /** Null until the link is open. */
  readonly connection: Store<Connection | null>
  /** Where the devices have been since the link began, when it shows that. */
  readonly past: Store<ReadonlyMap<string, readonly LocationUpdate[]>>
  /** Raster tiles of the platform's choice; null: the bundled basemap alone. */
  readonly tileUrl: Store<string | null>
  /** The platform's clock, milliseconds. */
  now(): number
  retryNow(): void
  close(): void
}

export interface ViewingOptions {
  readonly api: Api
  readonly code: string | null
  readonly mqttUrl: string
  readonly clientId: string
  readonly openWire: OpenWire
}

/** How often it is asked what the link shows: an end that was moved, a name, a position that MQTT did not bring. */
const LOOK_MS = 30_000
const WRONG = 'There is no share at this address. Was the link copied in full?'

export function startViewing({ api, code, mqttUrl, clientId, openWire }: ViewingOptions): Viewing {
  const store = createStore<ViewingState>({ phase: 'opening', reason: null, shared: null })
  const devices = createStore<Devices>(new Map())
  const connection = createStore<Connection | null>(null)
  const past = createStore<ReadonlyMap<string, readonly LocationUpdate[]>>(new Map())
  const tileUrl = createStore<string | null>(null)
  let link: OpenedLink | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  /** The token that the connection has. */
  let given: string | null = null
  let failures = 0
  let closed = false

  const now = (): number => Date.now() + api.clockOffsetMs()

  /** Nothing of what was shown stays on the page. */
  const end = (phase: 'ended' | 'wrong', reason: string): void => {
    if (closed) return
    clearTimeout(timer)
    connection.get()?.close()
    connection.set(null)
    devices.set(new Map())
    past.set(new Map())
    store.set(state => ({ ...state, phase, reason }))
  }

  /** @returns whether that was the end of it */
  const isEnd = (error: unknown): boolean => {
    if (!(error instanceof ApiError) || ![403, 404, 410].includes(error.status)) return false
    if (error.status === 404) end('wrong', WRONG)
    else end('ended', sentence(error.message))
    return true
  }

  const open = async (): Promise<void> => {
    if (code === null) return end('wrong', WRONG)
    try {
      link = await openLink(api, code)
      if (closed) return
      failures = 0
      connection.set(connect(link))
      await look()
    } catch (error) {
      if (closed || isEnd(error)) return
      store.set(state => ({ ...state, phase: 'waiting', reason: (error as Error).message }))
      again(open)
    }
  }

  const again = (run: () => Promise<void>): void => {
    clearTimeout(timer)
    timer = setTimeout(run, backoffMs(failures, Math.random()))
    failures += 1
  }

  const look = async (): Promise<void> => {
    const opened = link
    if (opened === null || closed) return
    clearTimeout(timer)
    try {
      const shared = await opened.shared()
      if (closed || store.get().phase === 'ended') return
      failures = 0
      const { history } = store.get().shared ?? {}
      store.set({ phase: 'open', reason: null, shared })
      devices.set(known =>
        applyFixes(
          applyRegistered(known, shared.devices),
          shared.devices.flatMap(({ id, last }) => (last === null ? [] : [[id, last] as const])),
        ),
      )
      if (shared.history && history !== true) void loadPast(opened, shared)
      // The moment when it begins or ends is not to be missed by half a minute.
      const turns = [shared.from, shared.until].map(time => time - now()).filter(ms => ms > 0)
      timer = setTimeout(look, Math.min(LOOK_MS, ...turns.map(ms => ms + 50)))
      const token = await opened.freshToken()
      if (token !== given) connection.get()?.renew(token)
      given = token
    } catch (error) {
      if (!closed && !isEnd(error)) again(look)
    }
  }

  const loadPast = async (opened: OpenedLink, { devices: shared, from }: Shared): Promise<void> => {
    for (const { id } of shared) {
      const fixes = await opened.history(id, from).catch(() => null)
      if (fixes !== null && !closed && store.get().phase === 'open') past.set(known => new Map([...known, [id, fixes]]))
    }
  }

  const takeBatch = ({ messages }: Batch): void => {
    const fixes: (readonly [string, LocationUpdate])[] = []
    const statuses: (readonly [string, DeviceStatus | null])[] = []
    for (const message of messages) {
      if (message.kind === 'fix') fixes.push([message.deviceId, message.fix])
      else if (message.kind === 'status') statuses.push([message.deviceId, message.status])
      else if (message.kind === 'error' && message.notice.code === 'share_ended') {
        return end('ended', sentence(message.notice.message))
      }
    }
    devices.set(known => applyFixes(applyStatuses(known, statuses), fixes))
  }

  const connect = (opened: OpenedLink): Connection => {
    const { org, sub } = opened
    const locationFilter = buildFilter('location', { org })
    return startConnection({
      url: mqttUrl,
      clientId,
      username: sub,
      subscriptions: [
        { filter: buildFilter('errors', { org, userId: sub }), qos: 0 },
        { filter: buildFilter('status', { org }), qos: 0 },
        { filter: buildFilter('last', { org }), qos: 0 },
        { filter: locationFilter, qos: 0 },
      ],
      locationFilter,
      openWire,
      async freshToken() {
        given = await opened.freshToken()
        return given
      },
      async onRefused() {
        opened.forgetToken()
        await look()
      },
      onOnline: () => void look(),
      onBatch: takeBatch,
      onProbe() {},
    })
  }

  void open()
  // Without it the bundled basemap is all there is, which is no fault worth a message.
  api.request<{ mapTileUrl: string | null }>('/config').then(
    ({ mapTileUrl }) => tileUrl.set(mapTileUrl),
    () => undefined,
  )
  return {
    store,
    devices,
    fences: createStore<Fences>(new Map()),
    sos: createStore<SosState>(NO_SOS),
    connection,
    past,
    tileUrl,
    now,
    retryNow() {
      if (store.get().phase === 'waiting') void open()
      else if (store.get().phase === 'open') void look()
      connection.get()?.retryNow()
    },
    close() {
      closed = true
      clearTimeout(timer)
      connection.get()?.close()
    },
  }
}

/** The platform's reasons are clauses; on the page they are sentences. */
function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`
}
