/** The broker: Aedes behind our own listeners, rights, bus and store. */
export type { CertificateDesk, DeviceCertificate } from './auth/client-certificate.ts'
export type { Rights, RightsChange } from './auth/rights.ts'
export type { ShareGate } from './auth/share-gate.ts'
export { type Clock, SYSTEM_CLOCK } from './clock.ts'
export type { ConnectionDesk, ConnectionView } from './connection-desk.ts'
export type { Handler, Handlers, Inbound, PhoneSaying, Refusal, Said } from './handlers.ts'
export type { IdentityClash, IdentityClashSettings } from './identity-clash.ts'
export { type Limits, openLimits } from './limits/limits.ts'
export {
  type BucketState,
  createRateLimits,
  type Rate,
  type RateClass,
  type RateLimits,
  type Rates,
  ratesOf,
} from './limits/rate-limits.ts'
export type { LiveMessages, ObservedMessage } from './observe.ts'
export type { OwnTracksSecret } from './owntracks.ts'
export type { OutgoingMessage, Publish } from './publish.ts'
export { type Broker, type BrokerOptions, type BrokerState, type ListenOptions, startBroker } from './start-broker.ts'
