import type { TrackwireAedes } from './trackwire-aedes.ts'

/** A message that the platform itself publishes. */
export interface OutgoingMessage {
  readonly topic: string
  readonly payload: string
  readonly qos: 0 | 1
  readonly retain: boolean
  /** Retained at once and written a moment later: for what is soon said anew after a crash. */
  readonly isWrittenSoon?: boolean
}

/** Resolves when the broker has taken the message: retained, queued for stored sessions, handed to live subscribers. */
export type Publish = (message: OutgoingMessage) => Promise<void>

export function publishThrough(aedes: TrackwireAedes): Publish {
  return ({ topic, payload, qos, retain, isWrittenSoon = false }) =>
    new Promise((resolve, reject) => {
      const packet = { cmd: 'publish' as const, topic, payload: Buffer.from(payload), qos, retain, dup: false }
      aedes.publish(Object.assign(packet, { isWrittenSoon }), error => (error ? reject(error) : resolve()))
    })
}
