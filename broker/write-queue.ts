import type { ClassicLevel } from 'classic-level'

type Level = ClassicLevel<string, unknown>
type Operation = { type: 'put'; key: string; value: Buffer } | { type: 'del'; key: string }
interface Waiting {
  readonly operations: readonly Operation[]
  resolve(): void
  reject(error: unknown): void
}

const BINARY = { valueEncoding: 'buffer' } as const

/**
 * The part of LevelDB that aedes-persistence-level uses, with all reads and writes in the order in which they were made. Handed to
 * LevelDB one by one they run on several threads and overtake each other: messages change places in a queue, and an older
 * retained message may be the one that stays. What comes while a write runs is written together after it.
 */
export class WriteQueue {
  readonly #level: Level
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #lastAnswer: Promise<unknown> = Promise.resolve()

  constructor(level: Level) {
    this.#level = level
  }

  /** Answers in the order of the questions: what a message waits for here may not let a later one of its sender overtake it. [MQTT-4.6.0-6] */
  get(key: string, options: object): Promise<unknown> {
    const value = this.#level.get(key, options)
    const answer = this.#lastAnswer.then(() => value)
    this.#lastAnswer = answer.catch(() => undefined)
    return answer
  }

  values(options: object): AsyncIterable<unknown> {
    return this.#level.values(options)
  }

  put(key: string, value: Buffer): Promise<void> {
    return this.#write([{ type: 'put', key, value }])
  }

  del(key: string): Promise<void> {
    return this.#write([{ type: 'del', key }])
  }

  /** With a list: writes it. Without: collects deletions until `write()`. */
  batch(operations: readonly Operation[]): Promise<void>
  batch(): { del(key: string): void; write(): Promise<void> }
  batch(operations?: readonly Operation[]): Promise<void> | { del(key: string): void; write(): Promise<void> } {
    if (operations !== undefined) return this.#write(operations)
    const collected: Operation[] = []
    return {
      del: (key: string) => collected.push({ type: 'del', key }),
      write: () => this.#write(collected),
    }
  }

  async clear(range: object): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    await this.#level.clear(range)
  }

  /** Waits for the writes under way, then closes the database. */
  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    await this.#level.close()
  }

  #write(operations: readonly Operation[]): Promise<void> {
    if (operations.length === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, resolve, reject })
      this.#writing ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#waiting
      this.#waiting = []
      try {
        await this.#level.batch(
          taken.flatMap(({ operations }) => operations),
          BINARY as never,
        )
        for (const { resolve } of taken) resolve()
      } catch (error) {
        for (const { reject } of taken) reject(error)
      }
    }
    this.#writing = undefined
  }
}
