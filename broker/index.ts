/** The broker: Aedes behind our own listeners, rights, bus and store. */
export type { Rights, RightsChange } from './auth/rights.ts'
export { type Clock, SYSTEM_CLOCK } from './clock.ts'
export type { ConnectionDesk, ConnectionView } from './connection-desk.ts'
export type { Handler, Handlers, Inbound, Refusal } from './handlers.ts'
export type { IdentityClash, IdentityClashSettings } from './identity-clash.ts'
export type { OutgoingMessage, Publish } from './publish.ts'
export { type Broker, type BrokerOptions, type BrokerState, type ListenOptions, startBroker } from './start-broker.ts'
