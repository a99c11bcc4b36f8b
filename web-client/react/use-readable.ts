import { useSyncExternalStore } from 'react'
import type { Readable } from '../sdk/index.ts'

/** Reads state of the SDK in a component; only a change of it renders anew. */
export function useReadable<State>(readable: Readable<State>): State {
  return useSyncExternalStore(readable.subscribe, readable.get, readable.get)
}
