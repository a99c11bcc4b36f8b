import { useEffect, useState } from 'react'
import type { Reading } from './measures.ts'
import { readMetrics } from './prometheus.ts'

const PERIOD_MS = 5_000
/** Ten minutes. */
const KEPT = 120

export interface Health {
  readonly status: 'ok' | 'degraded'
  readonly version: string
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>
}

/** What `/health/realtime` tells beside whether the broker is well. */
export type Realtime = Readonly<Record<string, string | number>>

export interface Readings {
  readonly health: Health | null
  readonly realtime: Realtime | null
  readonly readings: readonly Reading[]
  readonly error: Error | null
}

/** The platform's own state, read again and again while the page is open. These routes are public and lie outside of the API. */
export function useReadings(): Readings {
  const [state, setState] = useState<Readings>({ health: null, realtime: null, readings: [], error: null })
  useEffect(() => {
    const ended = new AbortController()
    let timer: ReturnType<typeof setTimeout>
    const read = async (): Promise<void> => {
      try {
        const [health, realtime, metrics] = await Promise.all([
          answer<Health>('/health', ended.signal),
          answer<Realtime>('/health/realtime', ended.signal),
          fetch('/metrics', { signal: ended.signal }).then(response => response.text()),
        ])
        const reading = { atMs: performance.now(), samples: readMetrics(metrics) }
        setState(({ readings }) => ({
          health,
          realtime,
          readings: [...readings, reading].slice(-KEPT),
          error: null,
        }))
      } catch (cause) {
        if (ended.signal.aborted) return
        setState(state => ({ ...state, error: new Error('The platform does not answer.', { cause }) }))
      }
      if (!ended.signal.aborted) timer = setTimeout(read, PERIOD_MS)
    }
    read()
    return () => {
      ended.abort()
      clearTimeout(timer)
    }
  }, [])
  return state
}

/** A part that is not well answers 503, with the same body. */
async function answer<Data>(path: string, signal: AbortSignal): Promise<Data> {
  return (await (await fetch(path, { signal, headers: { accept: 'application/json' } })).json()) as Data
}
