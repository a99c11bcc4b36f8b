import type { Batch } from './inbox.ts'
import type { OpenWire, WireOptions } from './wire.ts'

export type ToWorker =
  | { readonly kind: 'open'; readonly options: WireOptions }
  | { readonly kind: 'taken' }
  | { readonly kind: 'renew'; readonly token: string }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'open'; readonly refused: readonly string[] }
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'probe'; readonly roundTripMs: number }
  | { readonly kind: 'close'; readonly reason: string; readonly unauthorized: boolean }

/** A worker that was told to close gets this long to say good-bye to the platform. */
const GOODBYE_MS = 1_000

/** A connection in a worker of its own, which ends with it. */
export const openWorkerWire: OpenWire = async (options, events) => {
  const worker = new Worker(new URL('./wire-worker.ts', import.meta.url), { type: 'module' })
  const post = (message: ToWorker): void => worker.postMessage(message)
  let closed = false

  const end = (reason: string, unauthorized: boolean): void => {
    if (closed) return
    closed = true
    worker.terminate()
    events.onClose(reason, unauthorized)
  }

  worker.onerror = () => end('a part of the page could not be loaded', false)
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (closed) return
    if (data.kind === 'open') events.onOpen(data.refused)
    else if (data.kind === 'batch') events.onBatch(data.batch)
    else if (data.kind === 'probe') events.onProbe(data.roundTripMs)
    else end(data.reason, data.unauthorized)
  }
  // Only the fields of a wire: the options of a connection hold functions, which do not travel.
  const { url, clientId, username, token, subscriptions, locationFilter } = options
  post({ kind: 'open', options: { url, clientId, username, token, subscriptions, locationFilter } })
  return {
    taken: () => post({ kind: 'taken' }),
    renew: token => post({ kind: 'renew', token }),
    close() {
      if (closed) return
      closed = true
      post({ kind: 'close' })
      setTimeout(() => worker.terminate(), GOODBYE_MS)
    },
  }
}
