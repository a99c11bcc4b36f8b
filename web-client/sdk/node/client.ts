import { WebSocket } from 'ws'
import { RealtimeClient as Client } from '../client.ts'
import type { Socket } from '../mqtt-publisher.ts'
import type { RealtimeOptions, Runtime } from '../options.ts'
import { memoryOutbox } from '../outbox-store.ts'
import { fileOutbox } from './file-outbox.ts'

const NODE: Omit<Runtime, 'openOutbox'> = {
  openSocket: (url, subprotocol) => new WebSocket(url, subprotocol) as unknown as Socket,
  watch: () => () => undefined,
}

export interface NodeOptions extends RealtimeOptions {
  /** Where messages wait until they are acknowledged, also over a restart; in memory when left out. One process at a time. */
  readonly outboxFolder?: string
}

/** A connection of this process to the platform. */
export class RealtimeClient extends Client {
  constructor(options: NodeOptions, runtime: Partial<Runtime> = {}) {
    const openOutbox = options.outboxFolder === undefined ? memoryOutbox : fileOutbox(options.outboxFolder)
    super(options, { ...NODE, openOutbox, ...runtime })
  }
}
