import type { StoredSubscription } from 'aedes-persistence-level/asyncPersistence.js'
import { Qlobber } from 'qlobber'

interface Held extends StoredSubscription {
  readonly clientId: string
}

const REMEMBERED_TOPICS = 50_000
const NOBODY: readonly Held[] = []

/**
 * Which stored sessions a message is queued for. In place of the index of aedes-persistence-level, which loses a wildcard
 * when a narrower filter of the same client comes after it, and after a restart queues messages for QoS 0 subscriptions too,
 * where nobody ever acknowledges them.
 */
export class SubscriptionIndex {
  readonly #trie = new Qlobber<Held>({
    separator: '/',
    wildcard_one: '+',
    wildcard_some: '#',
    match_empty_levels: true, // [MQTT-4.7.1-3]
  })
  readonly #held = new Map<string, Held>()
  readonly #matched = new Map<string, readonly Held[]>()

  add(clientId: string, { topic, qos, rap }: StoredSubscription): void {
    this.remove(clientId, topic)
    // Messages of QoS 0 subscriptions are not kept while their session is away. MQTT 3.1.1 §3.1.2.4
    if (qos === 0) return
    const held: Held = { clientId, topic, qos, rap }
    this.#held.set(keyOf(clientId, topic), held)
    this.#trie.add(topic, held)
    this.#matched.clear()
  }

  remove(clientId: string, topic: string): void {
    const held = this.#held.get(keyOf(clientId, topic))
    if (held === undefined) return
    this.#held.delete(keyOf(clientId, topic))
    this.#trie.remove(topic, held)
    this.#matched.clear()
  }

  /** One entry per client, however many of its filters match. [MQTT-3.3.5-1] */
  matching(topic: string): readonly Held[] {
    if (this.#held.size === 0) return NOBODY
    let matched = this.#matched.get(topic)
    if (matched === undefined) {
      matched = this.#match(topic)
      if (this.#matched.size >= REMEMBERED_TOPICS) this.#matched.clear()
      this.#matched.set(topic, matched)
    }
    return matched
  }

  #match(topic: string): readonly Held[] {
    const byClient = new Map<string, Held>()
    const isHidden = topic.startsWith('$')
    for (const held of this.#trie.match(topic)) {
      // [MQTT-4.7.2-1]
      if (isHidden && (held.topic.startsWith('+') || held.topic.startsWith('#'))) continue
      const other = byClient.get(held.clientId)
      if (other === undefined || other.qos < held.qos) byClient.set(held.clientId, held)
    }
    return [...byClient.values()]
  }
}

/** A filter holds no NUL. [MQTT-1.5.3-2] */
function keyOf(clientId: string, topic: string): string {
  return `${clientId}\0${topic}`
}
