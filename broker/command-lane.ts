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

interface Publishing extends Client {
  readonly subscriptions: Record<string, unknown>
  readonly connackSent: boolean
  readonly _parser: { on(event: 'packet', listener: (packet: { cmd: string; messageId?: number }) => void): void }
  _nextId: number
  deliverQoS(packet: { topic: string; messageId?: number }, done: () => void): void
}

const COMMAND_LEVEL = '/commands/'
const LAST_MESSAGE_ID = 65_535

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
  const { subscriptions, connackSent } = client as Publishing
  if (!connackSent || !reader.mayReceive(topic, grantedQos.of(topic))) return false
  return Object.keys(subscriptions).some(filter => matchesFilter(filter, topic))
}

/**
 * Tells of commands that the client acknowledged. Aedes says which message a PUBACK is for only where it was stored, and commands are
 * not: their message ids are given here, from the same sequence.
 */
export function watchCommands(client: Client, acknowledged: (command: CommandAddress) => void): void {
  const publishing = client as Publishing
  const inFlight = new Map<number, CommandAddress>()
  const { deliverQoS } = publishing
  publishing.deliverQoS = (packet, done) => {
    const command = packet.topic.includes(COMMAND_LEVEL) ? commandOf(packet.topic) : null
    if (command !== null) {
      packet.messageId ??= takeMessageId(publishing)
      inFlight.set(packet.messageId, command)
    }
    deliverQoS.call(client, packet, done)
  }
  publishing._parser.on('packet', ({ cmd, messageId }) => {
    if (cmd !== 'puback' || inFlight.size === 0) return
    const command = inFlight.get(messageId!)
    if (command !== undefined && inFlight.delete(messageId!)) acknowledged(command)
  })
}

function takeMessageId(client: Publishing): number {
  const messageId = client._nextId
  client._nextId = messageId >= LAST_MESSAGE_ID ? 1 : messageId + 1
  return messageId
}

function commandOf(topic: string): CommandAddress | null {
  const parsed = parseTopic(topic)
  if (parsed?.channel !== 'command') return null
  const { org, deviceId, commandId } = parsed.params
  return { org: org!, deviceId: deviceId!, commandId: commandId! }
}

/** Whether a message is a command whose time is over, as one that waited in a session may be. */
export function isExpiredCommand({ topic, payload }: { topic: string; payload: unknown }, nowMs: number): boolean {
  if (!topic.includes(COMMAND_LEVEL) || commandOf(topic) === null) return false
  try {
    const { expiresAt } = JSON.parse(String(payload)) as { expiresAt?: unknown }
    return typeof expiresAt === 'number' && expiresAt <= nowMs
  } catch {
    return false
  }
}
