import type { MqttClient } from 'mqtt'

/** What a subscriber heard: topic, JSON payload, whether it was retained. */
export interface Heard<Payload = Record<string, unknown>> {
  readonly topic: string
  readonly payload: Payload
  readonly retain: boolean
}

/** Collects what a client receives and lets a test wait for it instead of sleeping. */
export class Ear {
  readonly heard: Heard<never>[] = []
  readonly #waiting = new Set<() => void>()

  constructor(client: MqttClient) {
    client.on('message', (topic, payload, { retain }) => {
      const text = payload.toString()
      this.heard.push({ topic, payload: (text === '' ? null : JSON.parse(text)) as never, retain })
      for (const check of this.#waiting) check()
    })
  }

  /** The first message on a topic that the predicate takes; waits for it if it has not come yet. */
  hear<Payload>(
    what: string,
    predicate: (heard: Heard<Payload>) => boolean,
    withinMs = 20_000,
  ): Promise<Heard<Payload>> {
    return this.until(what, () => (this.heard as unknown as Heard<Payload>[]).find(predicate), withinMs)
  }

  /** Resolves with the first result that is not undefined or false, tried after every message. */
  until<Result>(what: string, find: () => Result | undefined | false, withinMs = 20_000): Promise<Result> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = find()
        if (found === undefined || found === false) return
        clearTimeout(late)
        this.#waiting.delete(check)
        resolve(found)
      }
      const late = setTimeout(() => {
        this.#waiting.delete(check)
        const last = this.heard.slice(-5).map(({ topic, payload }) => `${topic} ${JSON.stringify(payload)}`)
        reject(
          new Error(
            `did not hear ${what} within ${withinMs} ms; ${this.heard.length} messages, the last:\n${last.join('\n')}`,
          ),
        )
      }, withinMs)
      this.#waiting.add(check)
      check()
    })
  }
}
