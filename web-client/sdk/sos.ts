import type { Command, Location, SosEvent, SosRequest } from '../../contract/index.ts'
import type { Message } from './channels.ts'
import type { Outgoing, Queued } from './outgoing.ts'
import { randomId } from './sender.ts'
import { createStore, type Readable, type Store } from './store.ts'
import type { On } from './subscriptions.ts'

export interface SosOptions {
  /** Who is in need; the token's own device when left out. */
  readonly deviceId?: string
  readonly message?: string
  /** Where; the newest position that the platform knows when left out. */
  readonly location?: Location
  /** An exercise. */
  readonly isDrill?: boolean
}

export interface SosState {
  /**
   * `queued`: kept here, not sent yet · `sent`: the platform has stored it · `triggered`: announced · `acknowledged`: somebody looks after
   * it · `escalated`: nobody did, the next tier was told · `resolved`, `cancelled`: closed.
   */
  readonly phase: 'queued' | 'sent' | 'triggered' | 'acknowledged' | 'escalated' | 'resolved' | 'cancelled'
  readonly alertId: string | null
  readonly by: string | null
  readonly note: string | null
  readonly tier: number
}

/** An SOS that was triggered here, and what became of it. */
export interface SosSession {
  /** The sender's id of it: repeats are one alert. */
  readonly id: string
  readonly deviceId: string
  readonly state: Readable<SosState>
  /** Resolves when the platform has stored it. */
  readonly sent: Promise<void>
}

const CLOSED: readonly SosState['phase'][] = ['resolved', 'cancelled']

/** What one alert has come to, as far as one may hear of it. */
class SosFollower {
  readonly #state: Store<SosState> = createStore<SosState>({
    phase: 'queued',
    alertId: null,
    by: null,
    note: null,
    tier: 0,
  })
  #newestMs = 0

  get state(): Readable<SosState> {
    return this.#state
  }

  get isClosed(): boolean {
    return CLOSED.includes(this.#state.get().phase)
  }

  sent(): void {
    if (this.#state.get().phase === 'queued') this.#tell({ phase: 'sent' })
  }

  /** What dispatchers, drivers and users hear. */
  hear({ event, alertId, by, note, tier, timestamp }: SosEvent): void {
    const { alertId: own } = this.#state.get()
    if ((own !== null && own !== alertId) || this.isClosed || timestamp < this.#newestMs) return
    this.#newestMs = timestamp
    this.#tell({ phase: event, alertId, by: by ?? null, note: note ?? null, tier: tier ?? this.#state.get().tier })
  }

  /** What a device hears: that its cry was stored, that help is coming. */
  command({ name, args }: Command): void {
    if (this.isClosed) return
    const alertId = typeof args.alertId === 'string' ? args.alertId : null
    const note = typeof args.text === 'string' ? args.text : null
    if (name === 'sos-received' && ['queued', 'sent'].includes(this.#state.get().phase))
      this.#tell({ phase: 'triggered', alertId })
    if (name === 'sos-acknowledged') this.#tell({ phase: 'acknowledged', alertId, note })
  }

  cancelled(): void {
    if (!this.isClosed) this.#tell({ phase: 'cancelled' })
  }

  #tell(change: Partial<SosState>): void {
    this.#state.set(before => ({ ...before, ...change }))
  }
}

/** The calls for help that were made here. */
export class SosCalls {
  readonly #on: On
  readonly #outgoing: Outgoing
  readonly #followers = new Map<string, SosFollower>()

  constructor(on: On, outgoing: Outgoing) {
    this.#on = on
    this.#outgoing = outgoing
  }

  /** @param role of the caller: it says who hears what */
  async trigger(deviceId: string, role: string, { message, location, isDrill }: SosOptions): Promise<SosSession> {
    const id = randomId()
    const follower = new SosFollower()
    const end = this.#follow(follower, deviceId, role)
    follower.state.subscribe(() => {
      if (!follower.isClosed) return
      end()
      this.#followers.delete(id)
    })
    this.#followers.set(id, follower)
    const { delivered } = await this.#send(deviceId, {
      action: 'trigger',
      id,
      timestamp: Date.now(),
      ...(location !== undefined && { location }),
      ...(message !== undefined && { message }),
      ...(isDrill === true && { drill: true }),
    })
    const sent = delivered.then(() => follower.sent())
    sent.catch(() => undefined)
    return { id, deviceId, state: follower.state, sent }
  }

  async cancel({ id, deviceId }: Pick<SosSession, 'id' | 'deviceId'>, message?: string): Promise<void> {
    const { delivered } = await this.#send(deviceId, {
      action: 'cancel',
      id,
      timestamp: Date.now(),
      ...(message !== undefined && { message }),
    })
    await delivered
    this.#followers.get(id)?.cancelled()
  }

  #send(deviceId: string, request: SosRequest): Promise<Queued> {
    return this.#outgoing.enqueue('sos', { deviceId }, request)
  }

  #follow(follower: SosFollower, deviceId: string, role: string): () => void {
    const ends: (() => void)[] = []
    const sinceMs = Date.now()
    if (role === 'device' || role === 'driver') {
      const hear = ({ payload }: Message<'command'>): void => {
        if (payload !== null && payload.expiresAt > sinceMs) follower.command(payload)
      }
      ends.push(this.#on('command', hear, { deviceId }))
    }
    if (role !== 'device') {
      ends.push(this.#on('sosNotification', ({ payload }) => payload !== null && follower.hear(payload), { deviceId }))
    }
    return () => {
      for (const end of ends) end()
    }
  }
}
