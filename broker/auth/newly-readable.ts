import {
  buildTopic,
  CHANNEL_NAMES,
  CHANNELS,
  type Channel,
  type ChannelName,
  decideTopic,
  matchesFilter,
  type Principal,
  visibleDevices,
} from '../../contract/index.ts'
import type { Connection } from '../connections.ts'
import { sameRules } from './same-rights.ts'

interface RetainedMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
}
interface Delivering {
  readonly broker: { readonly id: string }
  readonly subscriptions: Record<string, unknown>
  readonly connackSent: boolean
  deliverQoS(packet: object, done: () => void): void
}

/** Retained channels of which every device has a topic of its own. */
const OF_DEVICES: readonly ChannelName[] = CHANNEL_NAMES.filter(name => {
  const { retain, template } = CHANNELS[name] as Channel
  return retain && template.split('/').every(level => !level.startsWith('{') || /^\{(org|deviceId)\}$/.test(level))
})

/**
 * Shows those who hold a wildcard what they may see since just now, with the retain flag: for these topics the subscription begins
 * with the grant. [MQTT-3.3.1-6], [MQTT-3.3.1-8]
 */
export class Newcomers {
  readonly #retainedUnder: (filter: string) => readonly RetainedMessage[]

  constructor(retainedUnder: (filter: string) => readonly RetainedMessage[]) {
    this.#retainedUnder = retainedUnder
  }

  /** @param before what the connection's principal was until now */
  show({ client, principal }: Connection, before: Principal): void {
    const { subscriptions, connackSent } = client as unknown as Delivering
    const filters = Object.keys(subscriptions).filter(filter => /[+#]/.test(filter))
    // A session being resumed is sent no retained messages: its client subscribes again where it wants them. MQTT 3.1.1 §3.1.2.4
    if (filters.length === 0 || !connackSent) return
    for (const message of this.#candidates(principal, before, filters)) {
      if (decideTopic(before, 'subscribe', message.topic).allowed) continue
      this.#deliver(client as unknown as Delivering, message)
    }
  }

  /** Held and readable now; of whoever gained some devices, only the topics of those are looked at. */
  #candidates(now: Principal, before: Principal, filters: readonly string[]): RetainedMessage[] {
    const devices = gainedDevices(now, before)
    const found = new Map<string, RetainedMessage>()
    const topics =
      devices === null
        ? filters
        : devices.flatMap(deviceId => OF_DEVICES.map(name => buildTopic(name, { org: now.org, deviceId })))
    for (const message of topics.flatMap(topic => this.#retainedUnder(topic))) found.set(message.topic, message)
    return [...found.values()].filter(
      ({ topic }) =>
        filters.some(filter => matchesFilter(filter, topic)) && decideTopic(now, 'subscribe', topic).allowed,
    )
  }

  #deliver(client: Delivering, { topic, payload, qos }: RetainedMessage): void {
    // No broker's number: it is nothing that could be met a second time.
    const packet = { cmd: 'publish', topic, payload, qos, retain: true, dup: false, brokerId: null, brokerCounter: 0 }
    client.deliverQoS(packet, () => {})
  }
}

/** Null when more changed than which devices are granted. */
function gainedDevices(now: Principal, before: Principal): string[] | null {
  const [seen, saw] = [visibleDevices(now), visibleDevices(before)]
  if (now.role !== before.role || seen === 'all' || saw === 'all' || !sameRules(now.acl, before.acl)) return null
  return [...seen].filter(deviceId => !saw.has(deviceId))
}
