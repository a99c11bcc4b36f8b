/** The SDK for browsers. */
export { RealtimeClient } from './browser.ts'
export { indexedDbOutbox } from './indexed-db-outbox.ts'
export * from './shared.ts'
