import type { Logger } from 'pino'
import {
  buildFilter,
  buildTopic,
  CHANNELS,
  type DeviceStatus,
  type HomeAssistantAttributes,
  type LocationUpdate,
  parseTopic,
} from '../../contract/index.ts'
import type { Publish } from '../ingest/ingest.ts'
import { startTicker } from '../ingest/ticker.ts'
import type { Database } from '../store/database.ts'
import { devicesOfOrganisation } from '../store/devices.ts'
import type { LiveMessages, ObservedMessage } from '../stream/feeds.ts'
import {
  attributesOf,
  availabilityOf,
  type DiscoveredDevice,
  type DiscoveryMessage,
  nodeIdOf,
  SENSOR_NAMES,
  type SensorName,
  sensorConfig,
  sensorTopic,
  trackerConfig,
  trackerTopic,
} from './discovery.ts'

/** How often devices are looked for that were registered, renamed or deleted. */
const LOOK_EVERY_MS = 15_000

export interface HomeAssistantOptions {
  readonly db: Database
  readonly live: LiveMessages
  readonly publish: Publish
  readonly logger: Logger
  readonly org: string
  /** Of the platform. */
  readonly version: string
  readonly lookEveryMs?: number | undefined
}

const CHANNELS_OF_HOME_ASSISTANT = [
  'homeAssistantConfig',
  'homeAssistantSensorConfig',
  'homeAssistantAttributes',
  'homeAssistantAvailability',
] as const

/** What is known of one device since the start, from its retained topics and what it says. */
interface Known {
  fix?: LocationUpdate
  status?: DeviceStatus
  readonly sensors: Set<SensorName>
}

/**
 * Keeps Home Assistant's discovery of one organisation's devices: a tracker each, sensors for what they measure, their attributes and
 * whether they can be heard, all retained below `{org}/homeassistant`.
 */
export function startHomeAssistant(options: HomeAssistantOptions): { close(): Promise<void> } {
  return new Discovery(options)
}

class Discovery {
  readonly #options: HomeAssistantOptions
  readonly #known = new Map<string, Known>()
  #devices = new Map<string, DiscoveredDevice>()
  /** What was published last, by topic: nothing is said twice. */
  readonly #said = new Map<string, string>()
  readonly #stopObserving: () => void
  readonly #ticker: { close(): Promise<void> }
  #looking: Promise<void> = Promise.resolve()
  #isLookWanted = false
  #isClosed = false

  constructor(options: HomeAssistantOptions) {
    this.#options = options
    const { live, org } = options
    for (const channel of ['last', 'status'] as const) {
      for (const message of live.retained(buildFilter(channel, { org }))) this.#take(message)
    }
    for (const { topic, payload } of this.#retained()) this.#said.set(topic, Buffer.from(payload).toString())
    this.#stopObserving = live.observe(message => this.#observed(message))
    this.#ticker = startTicker(
      options.lookEveryMs ?? LOOK_EVERY_MS,
      () => this.#lookSoon(),
      error => this.#failed(error),
    )
    void this.#lookSoon()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopObserving()
    await this.#ticker.close()
    await this.#looking
  }

  #failed(error: unknown): void {
    this.#options.logger.warn(
      { err: error },
      'what Home Assistant discovers could not be brought up to date; trying again',
    )
  }

  /** After the look that is going on, if any; asked for more than once meanwhile, one is enough. */
  #lookSoon(): Promise<void> {
    if (this.#isLookWanted) return this.#looking
    this.#isLookWanted = true
    this.#looking = this.#looking
      .then(() => {
        this.#isLookWanted = false
        return this.#look()
      })
      .catch(error => this.#failed(error))
    return this.#looking
  }

  #retained(): ObservedMessage[] {
    const { live, org } = this.#options
    return CHANNELS_OF_HOME_ASSISTANT.flatMap(channel => [...live.retained(buildFilter(channel, { org }))])
  }

  #observed(message: ObservedMessage): void {
    if (!message.topic.startsWith(`${this.#options.org}/`)) return
    const parsed = parseTopic(message.topic)
    if (parsed?.channel === 'homeAssistantStatus') {
      // The birth message of Home Assistant, which may have lost what it knew.
      if (Buffer.from(message.payload).toString() !== 'online') return
      this.#said.clear()
      return void this.#lookSoon()
    }
    if (parsed?.channel !== 'last' && parsed?.channel !== 'status') return
    this.#take(message)
    const deviceId = parsed.params.deviceId!
    const device = this.#devices.get(deviceId)
    if (device === undefined) return void this.#lookSoon()
    this.#publish(this.#messagesOf(device)).catch(error => this.#failed(error))
  }

  #take({ topic, payload }: ObservedMessage): void {
    const { channel, params } = parseTopic(topic)!
    if (payload.length === 0) return
    const known = this.#known.get(params.deviceId!) ?? { sensors: new Set() }
    this.#known.set(params.deviceId!, known)
    const value: unknown = JSON.parse(Buffer.from(payload).toString())
    if (channel === 'last') known.fix = value as LocationUpdate
    else known.status = value as DeviceStatus
  }

  /** Compares what is registered with what was said: what is new or renamed is told, what is gone taken back. */
  async #look(): Promise<void> {
    if (this.#isClosed) return
    const { db, org } = this.#options
    this.#devices = new Map((await devicesOfOrganisation(db, org)).map(device => [device.deviceId, device]))
    const current = new Set<string>()
    for (const device of this.#devices.values()) {
      for (const topic of topicsOf(device)) current.add(topic)
      await this.#publish(this.#messagesOf(device))
    }
    for (const { topic } of this.#retained()) {
      if (current.has(topic)) continue
      this.#said.delete(topic)
      await this.#options.publish({ topic, payload: '', qos: 1, retain: true })
    }
    for (const deviceId of this.#known.keys()) if (!this.#devices.has(deviceId)) this.#known.delete(deviceId)
  }

  #messagesOf(device: DiscoveredDevice): DiscoveryMessage[] {
    const { version } = this.#options
    const { org, deviceId } = device
    const nodeId = nodeIdOf(deviceId)
    const known = this.#known.get(deviceId)
    const messages = [trackerConfig(device, version)]
    if (known === undefined) return messages
    if (known.fix !== undefined) {
      const attributes = attributesOf(known.fix, known.status?.battery)
      for (const sensor of sensorsIn(attributes)) known.sensors.add(sensor)
      const topic = buildTopic('homeAssistantAttributes', { org, nodeId })
      messages.push({ topic, payload: JSON.stringify(attributes) })
    }
    const topic = buildTopic('homeAssistantAvailability', { org, nodeId })
    messages.push({ topic, payload: availabilityOf(known.status) })
    // Home Assistant has to know the entity before it is told of its state.
    return [...[...known.sensors].map(sensor => sensorConfig(device, sensor, version)), ...messages]
  }

  async #publish(messages: readonly DiscoveryMessage[]): Promise<void> {
    for (const { topic, payload } of messages) {
      if (this.#said.get(topic) === payload) continue
      this.#said.set(topic, payload)
      const { qos } = CHANNELS[parseTopic(topic)!.channel]
      await this.#options.publish({ topic, payload, qos, retain: true })
    }
  }
}

function sensorsIn({ battery_level: battery, speed }: HomeAssistantAttributes): SensorName[] {
  return [...(battery === undefined ? [] : ['battery' as const]), ...(speed === undefined ? [] : ['speed' as const])]
}

function topicsOf(device: DiscoveredDevice): string[] {
  const { org } = device
  const nodeId = nodeIdOf(device.deviceId)
  return [
    trackerTopic(device),
    ...SENSOR_NAMES.map(sensor => sensorTopic(device, sensor)),
    buildTopic('homeAssistantAttributes', { org, nodeId }),
    buildTopic('homeAssistantAvailability', { org, nodeId }),
  ]
}
