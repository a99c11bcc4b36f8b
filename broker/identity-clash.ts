import type { Connection, Connections } from './connections.ts'
import type { Tell } from './notices.ts'

/** Two clients use the identity of one device. */
export interface IdentityClash {
  readonly org: string
  readonly deviceId: string
  readonly timestamp: number
  /** The two, the one that was there first before the other. */
  readonly clients: readonly [ClashingClient, ClashingClient]
}

export interface ClashingClient {
  readonly clientId: string
  readonly address: string | undefined
}

/**
 * What tells two devices from one that reconnects. One that comes back leaves a connection that is never heard again; of two that
 * stand, each is heard again after the other. One whose client id is taken over is gone; of two, each takes it back.
 */
export interface IdentityClashSettings {
  /** How often the connection that publishes changes while both stand. */
  readonly turns: number
  /** How often a client id is taken over within `takeoverWindowMs`. */
  readonly takeovers: number
  readonly takeoverWindowMs: number
  /** While it goes on, it is told again after so long. */
  readonly repeatMs: number
}

const DEFAULTS: IdentityClashSettings = {
  turns: 4,
  takeovers: 5,
  takeoverWindowMs: 60_000,
  repeatMs: 3_600_000,
}
/** Devices of which something is remembered; beyond it the oldest are forgotten. */
const REMEMBERED_DEVICES = 100_000

interface Suspicion {
  /** Who published last, while another connection of the device stands. */
  speaker: Connection | undefined
  turns: number
  takeoversAtMs: number[]
  raisedAtMs: number | undefined
}

/** Notices when one device id is active from two places at once. */
export class IdentityClashes {
  readonly #connections: Connections
  readonly #tell: Tell
  readonly #raise: (clash: IdentityClash) => void
  readonly #now: () => number
  readonly #settings: IdentityClashSettings
  readonly #suspicions = new Map<string, Suspicion>()

  constructor(options: {
    connections: Connections
    tell: Tell
    raise?: ((clash: IdentityClash) => void) | undefined
    now: () => number
    settings?: Partial<IdentityClashSettings> | undefined
  }) {
    this.#connections = options.connections
    this.#tell = options.tell
    this.#raise = options.raise ?? (() => {})
    this.#now = options.now
    this.#settings = { ...DEFAULTS, ...options.settings }
  }

  /** A connection was admitted, and is not among the others yet: it may take over the client id of one of them. */
  entered(connection: Connection): void {
    if (connection.principal.role !== 'device') return
    const others = [...this.#connections.ofPrincipal(connection.principal)]
    const ousted = others.find(other => other.client.id === connection.client.id)
    if (ousted === undefined) return
    const { takeovers, takeoverWindowMs } = this.#settings
    const suspicion = this.#of(connection)
    const now = this.#now()
    suspicion.takeoversAtMs = suspicion.takeoversAtMs.filter(at => at > now - takeoverWindowMs)
    suspicion.takeoversAtMs.push(now)
    if (suspicion.takeoversAtMs.length >= takeovers) this.#clash(suspicion, ousted, connection)
  }

  /** A connection published something. Costs one look-up where the device has no other. */
  published(connection: Connection): void {
    const { principal } = connection
    if (principal.role !== 'device' || connection.siblings.size < 2) return
    const suspicion = this.#of(connection)
    const before = suspicion.speaker
    if (before === connection) return
    suspicion.speaker = connection
    // The first to speak, or the only one left of those that did.
    suspicion.turns = before === undefined ? 0 : suspicion.turns + 1
    if (before !== undefined && suspicion.turns >= this.#settings.turns) this.#clash(suspicion, before, connection)
  }

  /** A connection has ended: who comes back in its place takes no turns with it. */
  left(connection: Connection): void {
    const suspicion = this.#suspicions.get(keyOf(connection))
    if (suspicion?.speaker === connection) suspicion.speaker = undefined
  }

  #of(connection: Connection): Suspicion {
    const key = keyOf(connection)
    let suspicion = this.#suspicions.get(key)
    if (suspicion === undefined) {
      suspicion = { speaker: undefined, turns: 0, takeoversAtMs: [], raisedAtMs: undefined }
      if (this.#suspicions.size >= REMEMBERED_DEVICES) this.#suspicions.delete(this.#suspicions.keys().next().value!)
      this.#suspicions.set(key, suspicion)
    }
    return suspicion
  }

  #clash(suspicion: Suspicion, first: Connection, second: Connection): void {
    const now = this.#now()
    if (suspicion.raisedAtMs !== undefined && now - suspicion.raisedAtMs < this.#settings.repeatMs) return
    suspicion.raisedAtMs = now
    const { org, sub } = second.principal
    const clients = [clientOf(first), clientOf(second)] as const
    const [one, other] = clients.map(({ clientId, address }) => `${clientId || 'no client id'} (${address ?? 'gone'})`)
    this.#tell(second.principal, {
      code: 'identity_clash',
      message: `two clients are active as ${sub}: ${one} and ${other}; give each device a token of its own`,
      topic: `${org}/devices/${sub}`,
    })
    this.#raise({ org, deviceId: sub, timestamp: now, clients })
  }
}

function keyOf({ principal: { org, sub } }: Connection): string {
  return `${org}/${sub}`
}

function clientOf({ ownClientId, address }: Connection): ClashingClient {
  return { clientId: ownClientId, address }
}
