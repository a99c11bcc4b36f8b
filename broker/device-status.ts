import { buildFilter, buildTopic, type DeviceStatus, parseTopic } from '../contract/index.ts'
import type { Connection, Connections } from './connections.ts'
import type { BrokerPersistence } from './persistence.ts'
import type { Publish } from './publish.ts'

/** A device's MQTT session began, or ended while it has no other. */
export interface DeviceSession {
  readonly org: string
  readonly deviceId: string
  readonly connected: boolean
}

/** Publishes `{org}/devices/{id}/status` of devices as their connections come and go. */
export class DeviceStatusPublisher {
  readonly #publish: Publish
  readonly #connections: Connections
  readonly #now: () => number
  readonly #returnWithinMs: number
  readonly #told: (session: DeviceSession) => void
  #settling: NodeJS.Timeout | undefined

  /** @param options.returnWithinMs how long devices that were online before a restart have to come back */
  constructor(options: {
    publish: Publish
    connections: Connections
    now: () => number
    returnWithinMs: number
    told?: ((session: DeviceSession) => void) | undefined
  }) {
    this.#told = options.told ?? (() => {})
    this.#publish = options.publish
    this.#connections = options.connections
    this.#now = options.now
    this.#returnWithinMs = options.returnWithinMs
  }

  connected(connection: Connection): void {
    if (connection.principal.role !== 'device') return
    this.#told({ org: connection.principal.org, deviceId: connection.principal.sub, connected: true })
    this.#announce(connection.principal.org, connection.principal.sub, {
      state: 'online',
      since: connection.connectedAtMs,
      connection: `mqtt/${connection.transport}`,
    })
  }

  /** Its will speaks for a device that set one; here is for those that did not, or that said goodbye. */
  disconnected(connection: Connection): void {
    const { role, org, sub } = connection.principal
    if (role !== 'device' || this.#connections.ofPrincipal(connection.principal).size > 0) return
    this.#told({ org, deviceId: sub, connected: false })
    if (connection.willSpoke) return
    this.#announce(org, sub, { state: 'offline', since: this.#now() })
  }

  /** After a restart the retained statuses still say online: whoever has not come back is offline. */
  settleAfterRestart(persistence: BrokerPersistence): void {
    const startedAt = this.#now()
    const online = persistence
      .retainedUnder(buildFilter('status'))
      .filter(({ payload }) => stateOf(payload) !== 'offline')
    if (online.length === 0) return
    this.#settling = setTimeout(() => {
      for (const { topic } of online) {
        // Its will, published shortly before, knows more than we do.
        if (persistence.retainedUnder(topic).every(({ payload }) => stateOf(payload) === 'offline')) continue
        const { org, deviceId } = parseTopic(topic)?.params ?? {}
        if (org === undefined || deviceId === undefined) continue
        if (this.#connections.ofPrincipal({ org, sub: deviceId }).size > 0) continue
        this.#told({ org, deviceId, connected: false })
        this.#announce(org, deviceId, { state: 'offline', since: startedAt })
      }
    }, this.#returnWithinMs)
    this.#settling.unref()
  }

  close(): void {
    clearTimeout(this.#settling)
  }

  #announce(org: string, deviceId: string, status: DeviceStatus): void {
    const message = {
      topic: buildTopic('status', { org, deviceId }),
      payload: JSON.stringify(status),
      qos: 1 as const,
      retain: true,
      // Whatever a crash leaves of it is settled after the restart.
      isWrittenSoon: true,
    }
    void this.#publish(message).catch(() => {
      // The broker is closing; the status settles after the next start.
    })
  }
}

function stateOf(payload: Buffer): string | undefined {
  try {
    return (JSON.parse(payload.toString()) as { state?: string }).state
  } catch {
    return undefined
  }
}
