/** The SDK for Node.js. */
export * from '../shared.ts'
export { type NodeOptions, RealtimeClient } from './client.ts'
export { fileOutbox } from './file-outbox.ts'
