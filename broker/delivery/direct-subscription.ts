import type { Manner, Subscriber } from './subscriber.ts'

/** A subscription whose messages go straight to the connection, past the function that Aedes made of it. */
export interface DirectSubscription extends Manner {
  readonly subscriber: Subscriber
  /** Its filter begins with a wildcard: topics that begin with `$` are not for it. [MQTT-4.7.2-1] */
  readonly hidesDollar: boolean
}

/** The names of the functions in `lib/handlers/subscribe.js`. */
const BLOCKS_DOLLAR = 'deliverSharp'
const SUBSCRIPTIONS: ReadonlySet<string> = new Set(['handlePacketSubscription', BLOCKS_DOLLAR])

/** No topic on the wire has it: NUL is refused there. */
const PROBE_TOPIC = '\0'

interface Probe {
  cmd: 'publish'
  topic: string
  payload: Buffer
  qos: 0
  retain: boolean
  brokerId: string
  brokerCounter: number
  nl?: boolean
}

let answer: { subscriber: Subscriber; packet: Probe } | undefined

/**
 * Whose function this is: Aedes makes one of every subscription, hands it to the bus and says no more about it. So it is called once
 * with a packet that no client can send; what comes out at the other end is the subscriber, and what the function did to the packet.
 * @returns null for a listener of the broker itself
 */
export function directSubscriptionOf(listener: unknown): DirectSubscription | null {
  answer = undefined
  const probe: Probe = {
    cmd: 'publish',
    topic: PROBE_TOPIC,
    payload: Buffer.alloc(0),
    qos: 0,
    retain: true,
    brokerId: 'probe',
    brokerCounter: 1,
  }
  if (!isSubscription(listener)) return null
  listener(probe, () => {})
  const said = answer as { subscriber: Subscriber; packet: Probe } | undefined
  if (said === undefined) return null
  return {
    subscriber: said.subscriber,
    asPublished: said.packet.retain,
    noLocal: said.packet.nl === true,
    hidesDollar: listener.name === BLOCKS_DOLLAR,
  }
}

/** Aedes' listeners of its own have other names, and take no probe. */
function isSubscription(listener: unknown): listener is (packet: Probe, done: () => void) => void {
  return typeof listener === 'function' && SUBSCRIPTIONS.has(listener.name)
}

/** Whether it is the probe; then its question is answered. */
export function isProbe(subscriber: Subscriber, packet: object): boolean {
  if ((packet as Probe).topic !== PROBE_TOPIC) return false
  answer = { subscriber, packet: packet as Probe }
  return true
}
