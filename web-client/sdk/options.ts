import type { FeedState } from './feed.ts'
import type { OpenSocket } from './mqtt-publisher.ts'
import type { OutboxPolicy } from './outbox.ts'
import type { OpenOutboxStore } from './outbox-store.ts'
import type { SenderPhase } from './sender.ts'
import type { TokenProvider } from './token.ts'

export interface RealtimeOptions {
  /** Where the platform is, like `https://tracking.example`; the page's own origin when left out. */
  readonly url?: string
  /** A token, or what fetches one; it is asked again before the token expires. */
  readonly token: TokenProvider
  readonly outbox?: OutboxPolicy
}

/** What differs between browsers and Node.js. */
export interface Runtime {
  readonly openSocket: OpenSocket
  readonly openOutbox: OpenOutboxStore
  /** Calls back when the network or the attention is back, or the network is gone. Returns what ends it. */
  watch(onBack: () => void, onGone: () => void): () => void
}

export interface ConnectionState extends FeedState {
  /** Of the connection for sending; who only watches has none. */
  readonly sending: SenderPhase
}
