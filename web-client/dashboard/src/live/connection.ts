import { backoffMs } from './backoff.ts'
import type { Batch } from './inbox.ts'
import type { Subscription } from './messages.ts'
import { createStore, type Store } from './store.ts'
import type { OpenWire, Wire } from './wire.ts'

export interface ConnectionState {
  readonly phase: 'connecting' | 'online' | 'offline'
  /** When the phase began, this browser's clock. */
  readonly sinceMs: number
  /** When the last message arrived, or null. */
  readonly lastMessageAtMs: number | null
  /** Since when the picture may be incomplete; null while online. */
  readonly outdatedSinceMs: number | null
  /** When the next try starts, while offline. */
  readonly retryAtMs: number | null
  readonly reason: string | null
  /** Filters that the platform did not grant. */
  readonly refused: readonly string[]
}

export interface ConnectionOptions {
  readonly url: string
  readonly clientId: string
  readonly username: string
  readonly subscriptions: readonly Subscription[]
  /** The subscription that a large fleet gives up. */
  readonly locationFilter: string
  readonly openWire: OpenWire
  /** Asked before every try: a token is never used twice across a lost connection. */
  readonly freshToken: () => Promise<string>
  readonly onBatch: (batch: Batch) => void
  readonly onProbe: (roundTripMs: number) => void
  /** Connected and subscribed, at first and after every gap. */
  readonly onOnline: () => void
  /** The platform refused the token. */
  readonly onRefused: () => Promise<void>
  /** 0 ≤ n < 1; `Math.random` outside of tests. */
  readonly random?: () => number
}

export interface Connection {
  readonly store: Store<ConnectionState>
  /** Tries at once when it waits for its next try: the network is back, the tab is seen again. */
  retryNow(): void
  /** The connection that stands lives on with this token. */
  renew(token: string): void
  close(): void
}

/** Keeps one MQTT connection alive: fresh token, connect, wait, again. */
export function startConnection(options: ConnectionOptions): Connection {
  const random = options.random ?? Math.random
  const startedAtMs = Date.now()
  const store = createStore<ConnectionState>({
    phase: 'connecting',
    sinceMs: startedAtMs,
    lastMessageAtMs: null,
    outdatedSinceMs: startedAtMs,
    retryAtMs: null,
    reason: null,
    refused: [],
  })
  let wire: Wire | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0
  let closed = false

  const enter = (phase: ConnectionState['phase'], change: Partial<ConnectionState>): void =>
    store.set(state => ({
      ...state,
      sinceMs: state.phase === phase ? state.sinceMs : Date.now(),
      phase,
      retryAtMs: null,
      ...change,
    }))

  const waitForNext = (reason: string): void => {
    wire = null
    if (closed) return
    const waitMs = backoffMs(attempt, random())
    attempt += 1
    const outdatedSinceMs = store.get().outdatedSinceMs ?? store.get().lastMessageAtMs ?? Date.now()
    enter('offline', { reason, retryAtMs: Date.now() + waitMs, outdatedSinceMs })
    timer = setTimeout(connect, waitMs)
  }

  const connect = async (): Promise<void> => {
    if (closed) return
    if (store.get().phase === 'offline') enter('offline', { retryAtMs: null })
    try {
      const token = await options.freshToken()
      if (closed) return
      const opened = await options.openWire({ ...options, token }, { onOpen, onBatch, onProbe, onClose })
      if (closed) opened.close()
      else wire = opened
    } catch (error) {
      waitForNext((error as Error).message)
    }
  }

  const onOpen = (refused: readonly string[]): void => {
    if (closed) return
    attempt = 0
    enter('online', { outdatedSinceMs: null, reason: null, refused })
    options.onOnline()
  }

  const onBatch = (batch: Batch): void => {
    if (closed) return
    const nowMs = Date.now()
    // Once a second is enough for the eye, and spares the listeners.
    if (nowMs - (store.get().lastMessageAtMs ?? 0) >= 1_000) store.set(state => ({ ...state, lastMessageAtMs: nowMs }))
    try {
      options.onBatch(batch)
    } finally {
      // Also after a fault of the view: it shall not stand still for ever.
      wire?.taken()
    }
  }

  const onProbe = (roundTripMs: number): void => {
    if (!closed) options.onProbe(roundTripMs)
  }

  const onClose = (reason: string, unauthorized: boolean): void => {
    if (closed) return
    if (unauthorized) options.onRefused().finally(() => waitForNext(reason))
    else waitForNext(reason)
  }

  connect()
  return {
    store,
    retryNow() {
      if (store.get().retryAtMs === null) return
      clearTimeout(timer)
      connect()
    },
    renew(token) {
      wire?.renew(token)
    },
    close() {
      closed = true
      clearTimeout(timer)
      wire?.close()
      wire = null
    },
  }
}
