import type { DeviceStatus, FenceFeature, LocationUpdate, SosEvent } from '../../contract/index.ts'
import type { RealtimeClient } from './client.ts'
import type { AlertEvent } from './http.ts'
import { createView, type Readable, type Store } from './store.ts'

/** A device and its state; its positions are told apart, since they change all the time. */
export interface LiveDevice {
  readonly id: string
  readonly name: string | null
  readonly groups: readonly string[]
  readonly status: DeviceStatus | null
}

/** Events that are kept, newest first. */
const MAX_ALERTS = 200
const POSITIONS_EVERY_MS = 250

/** One view of a kind for each client, whoever asks. */
function perClient<State>(
  make: (client: RealtimeClient) => Readable<State>,
): (client: RealtimeClient) => Readable<State> {
  const views = new WeakMap<RealtimeClient, Readable<State>>()
  return client => {
    let view = views.get(client)
    if (view === undefined) {
      view = make(client)
      views.set(client, view)
    }
    return view
  }
}

type Entries<Value> = ReadonlyMap<string, Value>

function put<Value>(store: Store<Entries<Value>>, key: string, value: Value | null): void {
  store.set(before => {
    const next = new Map(before)
    if (value === null) next.delete(key)
    else next.set(key, value)
    return next
  })
}

/** Devices that one may see, by id. Changes when one comes, goes, or is another one, not with its positions. */
export const devicesOf = perClient(client =>
  createView<Entries<LiveDevice>>(new Map(), store => {
    let isEnded = false
    const known = (id: string): LiveDevice => store.get().get(id) ?? { id, name: null, groups: [], status: null }
    const load = async (): Promise<void> => {
      let cursor: string | null | undefined
      while (cursor !== null && !isEnded) {
        const { items, next } = await client.http.devices({ limit: 1_000, ...(cursor !== undefined && { cursor }) })
        store.set(before => {
          const all = new Map(before)
          for (const { id, name, groups } of items) all.set(id, { ...known(id), name, groups })
          return all
        })
        cursor = next
      }
    }
    const loadQuietly = (): void => void load().catch(() => undefined)
    const ends = [
      client.on('status', ({ params, payload }) =>
        put(store, params.deviceId, { ...known(params.deviceId), status: payload }),
      ),
      // Names are not on any channel: they are read anew with every fresh snapshot.
      client.on('ready', ({ isResumed }) => {
        if (!isResumed) loadQuietly()
      }),
    ]
    loadQuietly()
    return () => {
      isEnded = true
      for (const end of ends) end()
    }
  }),
)

/** The newest fix of every device that one may see, by id. Changes four times a second at the most. */
export const positionsOf = perClient(client =>
  createView<Entries<LocationUpdate>>(new Map(), store => {
    const changed = new Map<string, LocationUpdate | null>()
    let timer: ReturnType<typeof setTimeout> | undefined
    const flush = (): void => {
      timer = undefined
      const next = new Map(store.get())
      for (const [id, fix] of changed) {
        if (fix === null) next.delete(id)
        else if (fix.timestamp >= (next.get(id)?.timestamp ?? 0)) next.set(id, fix)
      }
      changed.clear()
      store.set(next)
    }
    const end = client.on('last', ({ params, payload }) => {
      changed.set(params.deviceId, payload)
      timer ??= setTimeout(flush, POSITIONS_EVERY_MS)
    })
    return () => {
      clearTimeout(timer)
      end()
    }
  }),
)

/** Events of fences and rules that stand, newest first: what was taken back is gone, and a gap is filled from what is stored. */
export const alertsOf = perClient(client =>
  createView<readonly AlertEvent[]>([], store => {
    const retracted = new Set<string>()
    const add = (events: readonly AlertEvent[]): void =>
      store.set(before => {
        const all = new Map(before.map(event => [event.id, event]))
        for (const event of events) {
          if (event.retracts === undefined) all.set(event.id, event)
          else retracted.add(event.retracts)
        }
        for (const id of retracted) all.delete(id)
        return [...all.values()].sort((a, b) => b.timestamp - a.timestamp).slice(0, MAX_ALERTS)
      })
    const load = (): void => {
      client.http.alerts({ limit: MAX_ALERTS, standing: true }).then(
        ({ items }) => add(items),
        // Devices may not read them; whoever is offline asks again with the next snapshot.
        () => undefined,
      )
    }
    const ends = [
      client.on('geofenceNotification', ({ payload }) => payload !== null && add([payload])),
      client.on('deviceNotification', ({ payload }) => payload !== null && add([payload])),
      client.on('ready', ({ isResumed }) => {
        if (!isResumed) load()
      }),
    ]
    load()
    return () => {
      for (const end of ends) end()
    }
  }),
)

/** Open SOS alerts by device, each with its newest event. */
export const openSosOf = perClient(client =>
  createView<Entries<SosEvent>>(new Map(), store =>
    client.on('sosOpen', ({ params, payload }) => put(store, params.deviceId, payload)),
  ),
)

/** Fences by id. */
export const fencesOf = perClient(client =>
  createView<Entries<FenceFeature>>(new Map(), store =>
    client.on('fence', ({ params, payload }) => put(store, params.fenceId, payload)),
  ),
)
