/** State that one can read and be told of; the shape that React's `useSyncExternalStore` asks for. */
export interface Readable<State> {
  get(): State
  /** Returns the function that ends the subscription. */
  subscribe(listener: () => void): () => void
}

export interface Store<State> extends Readable<State> {
  /** The same reference again tells nobody. */
  set(next: State | ((state: State) => State)): void
}

export function createStore<State>(initial: State): Store<State> {
  let state = initial
  const listeners = new Set<() => void>()
  return {
    get: () => state,
    set(next) {
      const value = typeof next === 'function' ? (next as (state: State) => State)(state) : next
      if (Object.is(value, state)) return
      state = value
      for (const listener of [...listeners]) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** How long a view outlives its last listener: a component that is mounted anew must not cost a subscription. */
const LINGER_MS = 1_000

/**
 * State that costs something to follow: `start` is called for the first listener, and what it returns soon after the last one
 * has gone. What was known stays readable meanwhile.
 */
export function createView<State>(initial: State, start: (store: Store<State>) => () => void): Readable<State> {
  const store = createStore(initial)
  let listeners = 0
  let stop: (() => void) | null = null
  let lingering: ReturnType<typeof setTimeout> | undefined
  return {
    get: store.get,
    subscribe(listener) {
      clearTimeout(lingering)
      listeners += 1
      const unsubscribe = store.subscribe(listener)
      stop ??= start(store)
      let ended = false
      return () => {
        if (ended) return
        ended = true
        unsubscribe()
        listeners -= 1
        if (listeners > 0) return
        lingering = setTimeout(() => {
          stop?.()
          stop = null
        }, LINGER_MS)
      }
    },
  }
}
