import { matchesFilter } from '../../contract/index.ts'

type Qos = 0 | 1 | 2

const REMEMBERED_TOPICS = 10_000

/** The QoS that each subscription of one connection was granted. */
export class GrantedQos {
  /** Undefined until something is granted: most connections only send. */
  #filters: Map<string, Qos> | undefined
  #topics: Map<string, Qos> | undefined
  /** Messages often come on one topic in a row. */
  #lastTopic: string | undefined
  #lastQos: Qos = 0

  grant(filter: string, qos: Qos): void {
    this.#filters ??= new Map()
    this.#filters.set(filter, qos)
    this.#forget()
  }

  revoke(filter: string): void {
    this.#filters?.delete(filter)
    this.#forget()
  }

  /** The maximum of all subscriptions that match the topic. [MQTT-3.3.5-1] */
  of(topic: string): Qos {
    if (topic === this.#lastTopic) return this.#lastQos
    this.#lastQos = this.#of(topic)
    this.#lastTopic = topic
    return this.#lastQos
  }

  #forget(): void {
    this.#topics?.clear()
    this.#lastTopic = undefined
  }

  #of(topic: string): Qos {
    if (this.#filters === undefined) return 0
    this.#topics ??= new Map()
    let qos = this.#topics.get(topic)
    if (qos === undefined) {
      qos = 0
      for (const [filter, granted] of this.#filters) if (granted > qos && matchesFilter(filter, topic)) qos = granted
      if (this.#topics.size >= REMEMBERED_TOPICS) this.#topics.clear()
      this.#topics.set(topic, qos)
    }
    return qos
  }
}
