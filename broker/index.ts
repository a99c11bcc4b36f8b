/** The broker: Aedes behind our own listeners, rights, bus and store. */
export type { ShareGate } from './auth/share-gate.ts'
export type { Handler, Handlers, Inbound, Refusal } from './handlers.ts'
export type { OutgoingMessage, Publish } from './publish.ts'
export { type Broker, type BrokerOptions, type ListenOptions, startBroker } from './start-broker.ts'
