import type { Api } from './api.ts'
import { createStore, type Store } from './store.ts'

/** A device that was heard and that nobody has registered, as the API lists it. */
export interface UnknownDevice {
  readonly id: string
  readonly lastSeen: number
  readonly count: number
  readonly channel: string
  readonly lastMessage: unknown
  readonly keptFixes: number
  readonly from: { readonly sub: string; readonly role: string; readonly address: string | null }
}

export interface UnknownDevices {
  /** Heard most recently first. Empty while nothing is known. */
  readonly store: Store<readonly UnknownDevice[]>
  /** Registers it. @returns how many fixes that were heard before are in its history now. @throws ApiError */
  adopt(id: string): Promise<number>
  /** @throws ApiError */
  dismiss(id: string): Promise<void>
  close(): void
}

/** New devices are a matter of minutes, not of milliseconds. */
const LOOK_EVERY_MS = 5_000
const SHOWN = 50

/** Follows the inbox of unknown devices while the page is looked at. Only administrators may: for others it stays empty. */
export function followUnknownDevices(api: Api, token: () => Promise<string>, isAdmin: boolean): UnknownDevices {
  const store = createStore<readonly UnknownDevice[]>([])
  /** What was judged here goes at once; a list that was asked for before does not bring it back. */
  const judged = new Map<string, number>()
  let isClosed = false

  const look = async (): Promise<void> => {
    if (document.visibilityState === 'hidden') return
    const askedAt = performance.now()
    const { items } = await api.request<{ items: UnknownDevice[] }>(`/devices/inbox?limit=${SHOWN}`, {
      token: await token(),
    })
    if (isClosed) return
    const shown = items.filter(({ id }) => (judged.get(id) ?? Number.NEGATIVE_INFINITY) < askedAt)
    store.set(before => (JSON.stringify(before) === JSON.stringify(shown) ? before : shown))
  }
  // It is looked at again soon; a fault of the connection is told elsewhere.
  const lookQuietly = (): void => void look().catch(() => undefined)
  const timer = isAdmin ? setInterval(lookQuietly, LOOK_EVERY_MS) : undefined
  if (isAdmin) lookQuietly()

  const judge = async <Answer>(id: string, path: string, method: 'POST' | 'DELETE'): Promise<Answer> => {
    const body = method === 'POST' ? { body: {} } : {}
    const answer = await api.request<Answer>(path, { method, token: await token(), ...body })
    judged.set(id, performance.now())
    store.set(list => list.filter(device => device.id !== id))
    return answer
  }

  return {
    store,
    async adopt(id) {
      const path = `/devices/inbox/${encodeURIComponent(id)}/adopt`
      return (await judge<{ storedFixes: number }>(id, path, 'POST')).storedFixes
    },
    dismiss: id => judge(id, `/devices/inbox/${encodeURIComponent(id)}`, 'DELETE'),
    close() {
      isClosed = true
      clearInterval(timer)
    },
  }
}
