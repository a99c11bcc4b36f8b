import { RealtimeClient as Client } from './client.ts'
import { indexedDbOutbox } from './indexed-db-outbox.ts'
import type { OpenSocket } from './mqtt-publisher.ts'
import type { RealtimeOptions, Runtime } from './options.ts'

export const openWebSocket: OpenSocket = (url, subprotocol) => new WebSocket(url, subprotocol)

const BROWSER: Runtime = { openSocket: openWebSocket, openOutbox: indexedDbOutbox, watch: watchPage }

/** The network comes and goes; a page that is looked at again was asleep. */
function watchPage(onBack: () => void, onGone: () => void): () => void {
  const onVisible = (): void => {
    if (document.visibilityState === 'visible') onBack()
  }
  window.addEventListener('online', onBack)
  window.addEventListener('offline', onGone)
  window.addEventListener('pageshow', onBack)
  document.addEventListener('visibilitychange', onVisible)
  return () => {
    window.removeEventListener('online', onBack)
    window.removeEventListener('offline', onGone)
    window.removeEventListener('pageshow', onBack)
    document.removeEventListener('visibilitychange', onVisible)
  }
}

/** A connection of this page to the platform. What it has to send waits in IndexedDB. */
export class RealtimeClient extends Client {
  constructor(options: RealtimeOptions, runtime: Partial<Runtime> = {}) {
    super(options, { ...BROWSER, ...runtime })
  }
}
