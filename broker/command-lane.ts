import type { Client } from 'aedes'
import { buildTopic, matchesFilter, parseTopic } from '../contract/index.ts'
import type { Connection, Connections } from './connections.ts'
import type { Publish } from './publish.ts'

/** A device on the contract's topics. */
export interface DeviceAddress {
  readonly org: string
  readonly deviceId: string
}

/** One command. */
export interface CommandAddress extends DeviceAddress {
  readonly commandId: string
}

interface Listening extends Client {
  readonly subscriptions: Record<string, unknown>
  readonly connackSent: boolean
}

/**
 * The commands of the platform on their way to devices over MQTT. The platform keeps what waits and sends it when the device listens,
 * so that nothing that was cancelled, expired or held back meanwhile comes out of a stored session.
 */
export class CommandLane {
  readonly #connections: Connections
  readonly #publish: Publish
  /** Topics of commands that are being published: they are queued for no session. */
  readonly #unqueued: Set<string>

  constructor(options: { connections: Connections; publish: Publish; unqueued: Set<string> }) {
    this.#connections = options.connections
    this.#publish = options.publish
    this.#unqueued = options.unqueued
  }

  /** The connection over which the device would get a command now; null when none of its connections listens. */
  linkOf(device: DeviceAddress): { readonly id: string } | null {
    const listening = [...this.#connections.ofPrincipal({ org: device.org, sub: device.deviceId })].filter(listens)
    const newest = listening.at(-1)
    return newest === undefined ? null : { id: `mqtt-${newest.id}` }
  }

  /** Hands a command to whoever listens to it now, and to nobody later. */
  async send({ payload, ...command }: CommandAddress & { readonly payload: string }): Promise<void> {
    const topic = buildTopic('command', command)
    this.#unqueued.add(topic)
    try {
      await this.#publish({ topic, payload, qos: 1, retain: false })
    } finally {
      this.#unqueued.delete(topic)
    }
  }
}

/** Whether a device's own connection has a subscription to its commands. */
export function listens({ client, principal, isCut, reader, grantedQos }: Connection): boolean {
  if (principal.role !== 'device' || isCut) return false
  const topic = buildTopic('command', { org: principal.org, deviceId: principal.sub, commandId: 'any' })
  const { subscriptions, connackSent } = client as Listening
  if (!connackSent || !reader.mayReceive(topic, grantedQos.of(topic))) return false
  return Object.keys(subscriptions).some(filter => matchesFilter(filter, topic))
}

/** The command that a topic is of; null for any other topic. */
export function commandOf(topic: string): CommandAddress | null {
  const parsed = parseTopic(topic)
  if (parsed?.channel !== 'command') return null
  const { org, deviceId, commandId } = parsed.params
  return { org: org!, deviceId: deviceId!, commandId: commandId! }
}

/** Whether the time of a command is over, as of one that waited in a session may be. */
export function isExpiredCommand({ payload }: { readonly payload: unknown }, nowMs: number): boolean {
  try {
    const { expiresAt } = JSON.parse(String(payload)) as { expiresAt?: unknown }
    return typeof expiresAt === 'number' && expiresAt <= nowMs
  } catch {
    return false
  }
}
