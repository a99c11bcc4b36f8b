/** State that knows nothing of a view: read it, change it, be told of changes. */
export interface Store<State> {
  get(): State
  /** Replaces the state; the same reference again tells nobody. */
  set(next: State | ((state: State) => State)): void
  /** Returns the function that ends the subscription. */
  subscribe(listener: () => void): () => void
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
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
