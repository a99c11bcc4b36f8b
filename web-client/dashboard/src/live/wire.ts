import type { Batch } from './inbox.ts'
import type { Subscription } from './messages.ts'

/** One MQTT connection, from CONNACK to its end; it never reconnects by itself. */
export interface Wire {
  /** The view has applied the batch it was handed, and may have the next one. */
  taken(): void
  /** Gives the connection a new token before the one it has expires. */
  renew(token: string): void
  close(): void
}

export interface WireEvents {
  /** Connected and subscribed; `refused` are the filters that the platform did not grant. */
  onOpen(refused: readonly string[]): void
  /** At most one at a time, until it is `taken`; SOS comes at once. */
  onBatch(batch: Batch): void
  /** How long the platform's answer to a ping took last, or is outstanding already; about once a second. */
  onProbe(roundTripMs: number): void
  /** Called once. `unauthorized` = the token was refused, another one is needed. */
  onClose(reason: string, unauthorized: boolean): void
}

/** Plain data: they go to a worker. */
export interface WireOptions {
  readonly url: string
  readonly clientId: string
  readonly username: string
  readonly token: string
  readonly subscriptions: readonly Subscription[]
  /** The one of them that a large fleet gives up. */
  readonly locationFilter: string
}

export type OpenWire = (options: WireOptions, events: WireEvents) => Promise<Wire>
