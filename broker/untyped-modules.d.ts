// Packages without types of their own; only what we use of them is declared.
declare module 'qlobber' {
  export class Qlobber<Value> {
    constructor(options: {
      separator: string
      wildcard_one: string
      wildcard_some: string
      match_empty_levels?: boolean
    })
    add(topic: string, value: Value): this
    remove(topic: string, value?: Value): this
    match(topic: string): Value[]
  }
}

declare module 'aedes-persistence-level/asyncPersistence.js' {
  import type { Readable } from 'node:stream'

  export interface StoredPacket {
    cmd: 'publish'
    topic: string
    payload: Buffer
    qos: 0 | 1 | 2
    retain: boolean
    [more: string]: unknown
  }
  export interface StoredSubscription {
    topic: string
    qos: 0 | 1 | 2
    clientId?: string
    /** A bridge's: the flag "retain" stays as it was published. */
    rap?: boolean | undefined
  }
  export default class AsyncLevelPersistence {
    constructor(db: object)
    setup(broker: unknown): Promise<void>
    storeRetained(packet: StoredPacket): Promise<void>
    createRetainedStreamCombi(filters: string[]): Readable
    createRetainedStream(filter: string): Readable
    addSubscriptions(client: { id: string }, subscriptions: StoredSubscription[]): Promise<void>
    removeSubscriptions(client: { id: string }, filters: string[]): Promise<void>
    cleanSubscriptions(client: { id: string }): Promise<void>
    subscriptionsByTopic(topic: string): Promise<StoredSubscription[]>
    delWill(client: { id: string }): Promise<unknown>
    putWill(client: { id: string }, will: object): Promise<void>
    subscriptionsByClient(client: { id: string }): Promise<StoredSubscription[]>
    outgoingEnqueue(subscription: { clientId: string }, packet: StoredPacket): Promise<void>
    outgoingEnqueueCombi(subscriptions: StoredSubscription[], packet: StoredPacket): Promise<void>
    outgoingClearMessageId(client: { id: string }, packet: unknown): Promise<unknown>
    outgoingStream(client: { id: string }): Readable
    cleanIncoming(client: { id: string }): Promise<void>
    incomingStorePacket(client: { id: string }, packet: StoredPacket): Promise<void>
    incomingGetPacket(client: { id: string }, packet: StoredPacket): Promise<unknown>
    outgoingUpdate(client: { id: string }, packet: unknown): Promise<void>
    destroy(): Promise<void>
  }
}
