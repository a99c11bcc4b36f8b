import { useCallback, useRef, useSyncExternalStore } from 'react'
import type { Store } from '../live/store.ts'

export function useStore<State>(store: Store<State>): State {
  return useSyncExternalStore(store.subscribe, store.get)
}

/** Follows a part of a store; renders again only when that part is another one (`Object.is`). */
export function useSelected<State, Part>(store: Store<State>, select: (state: State) => Part): Part {
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
}

/**
 * Follows a store that changes many times a second, at most once in `periodMs`: lists are read by people.
 * The last change always arrives.
 */
export function useCalmStore<State>(store: Store<State>, periodMs: number): State {
  const seen = useRef(store.get())
  const subscribe = useCallback(
    (notify: () => void) => {
      let timer: ReturnType<typeof setTimeout> | undefined
      const unsubscribe = store.subscribe(() => {
        timer ??= setTimeout(() => {
          timer = undefined
          seen.current = store.get()
          notify()
        }, periodMs)
      })
      seen.current = store.get()
      return () => {
        clearTimeout(timer)
        unsubscribe()
      }
    },
    [store, periodMs],
  )
  return useSyncExternalStore(subscribe, () => seen.current)
}
