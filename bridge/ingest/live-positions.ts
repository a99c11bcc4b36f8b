import { buildTopic, type LocationUpdate } from '../../contract/index.ts'
import { sosOpenView } from '../../geofence-engine/index.ts'
import type { OutgoingMessage } from '../store/outbox.ts'
import type { Announcer } from './announcer.ts'
import type { OpenAlerts } from './open-alerts.ts'
import { Slices } from './slices.ts'

/** A device's `last` (and, while it has an open alert, its alert's position) is published once in so long at the most. */
const INTERVAL_MS = 1_000
/** Those that are due within so long go together: with thousands of devices a timer for each would cost more than publishing. */
const TICK_MS = 20
/** A group of fixes moves a thousand devices, and those that were met together are due together ever after: nobody's message waits for all. */
const SLICE_MS = 1

interface Track {
  readonly org: string
  readonly deviceId: string
  readonly key: string
  /** Of `last`. */
  readonly topic: string
  newest: LocationUpdate
  /** There is something newer than what was published. */
  pending: boolean
  publishing: Promise<void> | undefined
  /** On the clock of performance.now(): when it may be published again, or is forgotten. */
  dueAt: number
}

/**
 * The retained newest position of each device: at once when it has been quiet, else when its second is over, so the newest always
 * gets out within a second. Not through the outbox: a crash loses nothing, because the next start publishes them all again.
 */
export class LivePositions {
  readonly #announcer: Announcer
  readonly #alerts: OpenAlerts
  readonly #tracks = new Map<string, Track>()
  /** In the order of dueAt, since all wait equally long. */
  #due: Track[] = []
  /** Whose turn is next, and what to call with whether the broker took it. */
  readonly #ready: { readonly track: Track; readonly said: (taken: boolean) => void }[] = []
  #isSaying = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor({ announcer, alerts }: { announcer: Announcer; alerts: OpenAlerts }) {
    this.#announcer = announcer
    this.#alerts = alerts
  }

  /** A newer position was committed. Resolves when it is published, at once when it has to wait for its second. */
  async moved(org: string, deviceId: string, newest: LocationUpdate): Promise<void> {
    if (this.#closed) return
    const key = `${org}/${deviceId}`
    const known = this.#tracks.get(key)
    if (known !== undefined) {
      if (newest.timestamp <= known.newest.timestamp) return
      known.newest = newest
      known.pending = true
      return
    }
    const topic = buildTopic('last', { org, deviceId })
    const track: Track = { org, deviceId, key, topic, newest, pending: true, publishing: undefined, dueAt: 0 }
    this.#tracks.set(key, track)
    await this.#publish(track)
  }

  /** Publishes what still waits. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const tracks = [...this.#tracks.values()]
    this.#tracks.clear()
    this.#due = []
    await Promise.all(
      tracks.map(async track => {
        await track.publishing
        if (track.pending) await this.#say(track)
      }),
    )
  }

  #publish(track: Track): Promise<void> {
    track.dueAt = performance.now() + INTERVAL_MS
    this.#due.push(track)
    this.#schedule()
    const taking = new Promise<boolean>(said => this.#ready.push({ track, said }))
    track.publishing = taking.then(taken => {
      track.publishing = undefined
      if (!taken) track.pending = true
    })
    if (!this.#isSaying) {
      this.#isSaying = true
      queueMicrotask(() => void this.#sayAll())
    }
    return track.publishing
  }

  async #sayAll(): Promise<void> {
    const slices = new Slices(SLICE_MS)
    while (this.#ready.length > 0) {
      for (const { track, said } of this.#ready.splice(0)) {
        track.pending = false
        void this.#say(track).then(said)
        if (slices.isOver) await slices.next()
      }
    }
    this.#isSaying = false
  }

  async #say(track: Track): Promise<boolean> {
    const { org, deviceId, key } = track
    const last = this.#announcer.live(track.topic, () => lastMessage(track), { lane: 'other', key })
    if (this.#alerts.get(track) === undefined) return last
    const topic = buildTopic('sosOpen', { org, deviceId })
    // Asked when its turn has come: after the message that closes the alert there is nothing more to say.
    const open = this.#announcer.live(topic, () => {
      const alert = this.#alerts.get(track)
      if (alert === undefined) return null
      return { topic, payload: JSON.stringify(sosOpenView(org, alert, track.newest)), qos: 1, retain: true }
    })
    return (await Promise.all([last, open])).every(Boolean)
  }

  #schedule(): void {
    const next = this.#due[0]
    if (this.#timer !== undefined || next === undefined || this.#closed) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#publishDue()
        this.#schedule()
      },
      Math.max(TICK_MS, next.dueAt - performance.now()),
    )
    this.#timer.unref()
  }

  #publishDue(): void {
    const now = performance.now()
    const later = this.#due.findIndex(({ dueAt }) => dueAt > now)
    const due = later === -1 ? this.#due : this.#due.slice(0, later)
    this.#due = later === -1 ? [] : this.#due.slice(later)
    for (const track of due) {
      if (track.publishing !== undefined) {
        // The broker is slow: the newest goes when it has taken this one.
        track.dueAt = now + INTERVAL_MS
        this.#due.push(track)
      } else if (track.pending) void this.#publish(track)
      else this.#tracks.delete(track.key)
    }
  }
}

function lastMessage({ topic, newest }: Track): OutgoingMessage {
  return { topic, payload: JSON.stringify(newest), qos: 0, retain: true }
}
