import { decideTopic, type ParsedTopic, type Principal, parseTopic, type Qos } from '../../contract/index.ts'
import { mayReceiveFriend } from '../owntracks-friends.ts'

const REMEMBERED_TOPICS = 50_000
/** Per reader: the rules of an `acl` claim are tried one after the other, so their answers are worth remembering. */
const REMEMBERED_ANSWERS = 10_000

/** Topics taken apart: a message goes to many, and is read once. */
export class ParsedTopics {
  readonly #parsed = new Map<string, ParsedTopic | null>()
  #topic: string | undefined
  #last: ParsedTopic | null = null

  of(topic: string): ParsedTopic | null {
    if (topic === this.#topic) return this.#last
    let parsed = this.#parsed.get(topic)
    if (parsed === undefined) {
      parsed = parseTopic(topic)
      if (this.#parsed.size >= REMEMBERED_TOPICS) this.#parsed.clear()
      this.#parsed.set(topic, parsed)
    }
    this.#topic = topic
    this.#last = parsed
    return parsed
  }
}

/** What one principal may receive, as of now: another one takes its place when rights change. */
export class Reader {
  readonly principal: Principal
  readonly #topics: ParsedTopics
  /** Roles and granted devices are decided faster than they are remembered, and need no memory per device. */
  readonly #answers: readonly Map<string, boolean>[] | undefined
  /** Messages often come on one topic in a row. */
  #lastTopic: string | undefined
  #lastQos: Qos = 0
  #lastAnswer = false

  constructor(principal: Principal, topics: ParsedTopics) {
    this.principal = principal
    this.#topics = topics
    this.#answers = principal.acl.length > 0 ? [new Map(), new Map(), new Map()] : undefined
  }

  /** @param qos of the subscription: a rule of an `acl` claim may ask for it */
  mayReceive(topic: string, qos: Qos): boolean {
    if (topic === this.#lastTopic && qos === this.#lastQos) return this.#lastAnswer
    this.#lastAnswer = this.#mayReceive(topic, qos)
    this.#lastTopic = topic
    this.#lastQos = qos
    return this.#lastAnswer
  }

  #mayReceive(topic: string, qos: Qos): boolean {
    const answers = this.#answers?.[qos]
    if (answers === undefined) return this.#decide(topic, qos)
    let answer = answers.get(topic)
    if (answer === undefined) {
      answer = this.#decide(topic, qos)
      if (answers.size >= REMEMBERED_ANSWERS) answers.clear()
      answers.set(topic, answer)
    }
    return answer
  }

  #decide(topic: string, qos: Qos): boolean {
    const parsed = this.#topics.of(topic)
    if (parsed === null) return mayReceiveFriend(this.principal, topic)
    return decideTopic(this.principal, 'subscribe', topic, parsed, { qos }).allowed
  }
}
