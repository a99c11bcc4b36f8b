import type { PublishPacket } from 'aedes'
import { type Decision, decideTopic, type ParsedTopic, type Principal } from '../../contract/index.ts'

/** What one connection may publish. Senders mostly have one topic: what was decided of it holds while their rights are the same. */
export class PublishRights {
  #principal: Principal | undefined
  #topic = ''
  #qos: number | undefined
  #retain: boolean | undefined
  #decision: Decision | undefined

  decide(principal: Principal, packet: PublishPacket, parsed: ParsedTopic): Decision {
    const { topic, qos, retain } = packet
    const isSame =
      topic === this.#topic && principal === this.#principal && qos === this.#qos && retain === this.#retain
    if (isSame && this.#decision !== undefined) return this.#decision
    this.#decision = decideTopic(principal, 'publish', topic, parsed, { qos, retain })
    this.#principal = principal
    this.#topic = topic
    this.#qos = qos
    this.#retain = retain
    return this.#decision
  }
}
