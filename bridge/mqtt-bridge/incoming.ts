import type { Logger } from 'pino'
import {
  type ChannelName,
  checkPayloadSize,
  type DeviceStatus,
  decideTopic,
  decodePayload,
  ERRORS,
  type LocationUpdate,
  type Principal,
  parseTopic,
  type SosCry,
  type TopicParams,
  TrackwireError,
} from '../../contract/index.ts'
import type { Ingest, Publish } from '../ingest/ingest.ts'
import { CameIn } from './came-in.ts'
import type { RemoteMessage } from './connection.ts'
import type { BridgeMetrics } from './metrics.ts'
import { type BridgeSettings, bridgeSubject } from './settings.ts'
import { toLocal } from './topic-map.ts'

/** A refusal is logged once in so long per code, with how many there were. */
const LOG_EVERY_MS = 60_000

export interface IncomingOptions {
  readonly settings: BridgeSettings
  readonly ingest: Ingest
  readonly publish: Publish
  readonly metrics: BridgeMetrics
  readonly logger: Logger
  readonly now: () => number
}

/**
 * What comes from the other broker is judged like the messages of a client with the role `service`: rights, schema, the durable step.
 */
export class Incoming {
  readonly cameIn = new CameIn()
  readonly #options: IncomingOptions
  readonly #principal: Principal
  readonly #logged = new Map<string, { atMs: number; since: number }>()

  constructor(options: IncomingOptions) {
    this.#options = options
    this.#principal = bridgePrincipal(options.settings)
  }

  /** Resolves when the message is committed or refused for good. Rejects when it should come again. */
  async take({ topic: remoteTopic, payload: bytes }: RemoteMessage): Promise<void> {
    const { metrics, settings, now } = this.#options
    metrics.received.inc({ bridge: settings.name })
    // Something that a stored session still holds of an earlier configuration.
    const topic = toLocal(settings, remoteTopic)
    try {
      const parsed = topic === null ? null : parseTopic(topic)
      if (parsed === null || topic === null)
        throw new TrackwireError('topic_unknown', `no channel has the topic ${topic}`)
      const decision = decideTopic(this.#principal, 'publish', topic, parsed)
      if (!decision.allowed) throw new TrackwireError('publish_forbidden', `not allowed: ${decision.reason}`)
      checkPayloadSize(bytes.length)
      const payload = decodePayload(parsed.channel, bytes)
      await this.#accept(parsed.channel, { topic, params: parsed.params, payload, receivedAt: now() })
    } catch (error) {
      if (!(error instanceof TrackwireError) || ERRORS[error.code].retry) throw error
      this.#refused(error.code, error.message, remoteTopic)
    }
  }

  async #accept(
    channel: ChannelName,
    message: { topic: string; params: TopicParams; payload: unknown; receivedAt: number },
  ): Promise<void> {
    const { topic, payload } = message
    switch (channel) {
      case 'location':
      case 'locationBatch':
        return this.#fixes(channel, message)
      case 'sos':
        return this.#sos(message)
      case 'status': {
        const status: DeviceStatus = { since: message.receivedAt, ...(payload as DeviceStatus) }
        return this.#pass({ topic, payload: JSON.stringify(status), retain: true })
      }
      case 'homeAssistantStatus':
        return this.#pass({ topic, payload: payload as string, retain: false })
      default:
        throw new TrackwireError('publish_forbidden', 'nothing is done with this channel')
    }
  }

  async #fixes(
    channel: 'location' | 'locationBatch',
    {
      topic,
      params,
      payload,
      receivedAt,
    }: { topic: string; params: TopicParams; payload: unknown; receivedAt: number },
  ): Promise<void> {
    const { ingest, settings } = this.#options
    const isOne = channel === 'location'
    const fixes = (isOne ? [payload] : payload) as readonly unknown[]
    if (isOne) this.cameIn.addFix(topic, payload as LocationUpdate)
    const results = await ingest.fixes({
      ...this.#origin(params),
      receivedAt,
      fixes,
      forward: isOne,
      bridge: settings.name,
    })
    for (const result of results) {
      if (result.status === 'refused' || result.status === 'set-aside')
        this.#refused(result.code, result.message, topic)
    }
  }

  async #sos({ params, payload, receivedAt }: { params: TopicParams; payload: unknown; receivedAt: number }) {
    const origin = this.#origin(params)
    const request = payload as SosCry
    await this.#options.ingest.sos({ ...origin, receivedAt, request, principal: this.#principal.sub })
  }

  async #pass(message: { topic: string; payload: string; retain: boolean }): Promise<void> {
    this.cameIn.add(message.topic, message.payload)
    await this.#options.publish({ ...message, qos: 1 })
  }

  #origin(params: TopicParams) {
    const { sub, role } = this.#principal
    return { org: params.org!, deviceId: params.deviceId!, registers: false, from: { sub, role, address: undefined } }
  }

  #refused(code: string, message: string, topic: string): void {
    const { metrics, settings, logger, now } = this.#options
    metrics.refused.inc({ bridge: settings.name, direction: 'in', code })
    const logged = this.#logged.get(code) ?? { atMs: Number.NEGATIVE_INFINITY, since: 0 }
    logged.since += 1
    this.#logged.set(code, logged)
    if (now() - logged.atMs < LOG_EVERY_MS) return
    logger.warn({ code, topic, count: logged.since }, `refused what came from the other broker: ${message}`)
    this.#logged.set(code, { atMs: now(), since: 0 })
  }
}

/** A gateway of the organisation, and no more. */
export function bridgePrincipal({ name, org }: Pick<BridgeSettings, 'name' | 'org'>): Principal {
  return {
    org,
    sub: bridgeSubject(name),
    role: 'service',
    devices: new Set(),
    groups: [],
    acl: [],
    expiresAtMs: Number.POSITIVE_INFINITY,
    issuedAtMs: undefined,
    jti: undefined,
    share: undefined,
    sid: undefined,
    use: undefined,
  }
}
