import { Registry } from 'prom-client'
import { type Database, type Ingest, type OutgoingMessage, type SentFix, startIngest } from '../../bridge/index.ts'
import type { FenceFeature, GeofenceEvent, LocationUpdate, SosEvent } from '../../contract/index.ts'
import { silent } from './databases.ts'
import type { TestScope } from './scope.ts'

/** A broker that only remembers what it was given. */
export class Recorder {
  readonly messages: OutgoingMessage[] = []
  readonly #waiting = new Set<() => void>()
  /** Set to make the broker refuse messages. */
  refuse: (message: OutgoingMessage) => boolean = () => false

  readonly publish = async (message: OutgoingMessage): Promise<void> => {
    if (this.refuse(message)) throw new Error('the broker refuses')
    this.messages.push(message)
    for (const check of this.#waiting) check()
  }

  on(topic: string): OutgoingMessage[] {
    return this.messages.filter(message => message.topic === topic)
  }

  /** The payloads on a topic, decoded; null for an empty one. */
  payloads<T>(topic: string): (T | null)[] {
    return this.on(topic).map(({ payload }) => (payload === '' ? null : (JSON.parse(payload) as T)))
  }

  /** Resolves with the first message that fits, also one from before. */
  until(fits: (message: OutgoingMessage) => boolean): Promise<OutgoingMessage> {
    return new Promise(resolve => {
      const check = (): void => {
        const message = this.messages.find(fits)
        if (message === undefined) return
        this.#waiting.delete(check)
        resolve(message)
      }
      this.#waiting.add(check)
      check()
    })
  }
}

export interface TestIngest {
  readonly ingest: Ingest
  readonly recorder: Recorder
  /** Sends fixes of a device by its own token. */
  send(deviceId: string, ...fixes: unknown[]): ReturnType<Ingest['fixes']>
}

/** The pipeline for one organisation; closed after the test. `announces: false` leaves the outbox to whoever comes next. */
export async function withIngest(
  t: TestScope,
  db: Database,
  org: string,
  {
    announces = true,
    now,
    recorder = new Recorder(),
  }: { announces?: boolean; now?: () => number; recorder?: Recorder } = {},
): Promise<TestIngest> {
  const ingest = await startIngest({ db, logger: silent, registry: new Registry(), retentionRawDays: 30, now })
  t.after(() => ingest.close())
  if (announces) await ingest.announce(recorder.publish)
  return {
    ingest,
    recorder,
    send: (deviceId, ...fixes) =>
      ingest.fixes({ org, deviceId, fixes, receivedAt: (now ?? Date.now)(), registers: true }),
  }
}

/** Longitudes east of this are inside the test fence, up to 1. */
export const FENCE: FenceFeature = {
  type: 'Feature',
  id: 'square',
  properties: { name: 'Square' },
  geometry: {
    type: 'Polygon',
    coordinates: [
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 1],
        [0, 0],
      ],
    ],
  },
}
export const INSIDE = { lat: 0.5, lng: 0.5 }
export const OUTSIDE = { lat: 0.5, lng: 2 }

/** A recent moment, so that fixes are within the retention; tests count on from here. */
export const START = Math.floor(Date.now() / 1_000) * 1_000 - 600_000

export function fixAt(second: number, location: LocationUpdate['location'], more: Partial<LocationUpdate> = {}) {
  return { timestamp: START + second * 1_000, location, ...more }
}

/** A message of one fix, of the device `truck` itself. */
export function sent(org: string, fix: LocationUpdate, told: SentFix['told'] = () => {}): SentFix {
  return {
    org,
    deviceId: 'truck',
    fix,
    receivedAt: Date.now(),
    registers: true,
    bytes: 100,
    from: { sub: 'truck', role: 'device', address: undefined },
    told,
  }
}

export function shortGeofence({ event, timestamp, initial }: GeofenceEvent): string {
  return `${event} ${(timestamp - START) / 1_000}${initial === true ? ' initial' : ''}`
}

export function shortSos(event: SosEvent | null): string {
  return event === null ? 'closed' : event.event
}
