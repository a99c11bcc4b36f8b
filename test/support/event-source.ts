import { type IncomingMessage, request } from 'node:http'
import type { TestScope } from './scope.ts'

export interface ServerEvent {
  readonly event: string
  /** Undefined where there was no data. */
  readonly data: { readonly topic?: string; readonly payload?: Record<string, unknown> } & Record<string, unknown>
  readonly id: string | undefined
}

/** How long a test waits before it says what it missed; nothing depends on it when all is well. */
const PATIENCE_MS = 30_000

/** A client of server-sent events that does nothing by itself: it reads, until the test cuts it off. WHATWG HTML §9.2.6 */
export class EventReader {
  readonly response: IncomingMessage
  readonly events: ServerEvent[] = []
  isEnded = false
  text = ''
  #rest = ''
  readonly #checks = new Set<() => void>()

  constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => this.#take(text))
    response.on('error', () => {})
    response.on('close', () => {
      this.isEnded = true
      this.#check()
    })
  }

  /** As a browser remembers it. */
  get lastEventId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id
  }

  of(...names: string[]): ServerEvent[] {
    return this.events.filter(({ event }) => names.includes(event))
  }

  /** The first event that fits; waits for it. */
  async find(what: string, fits: (event: ServerEvent) => boolean): Promise<ServerEvent> {
    await this.until(what, () => this.events.some(fits))
    return this.events.find(fits)!
  }

  next(name: string): Promise<ServerEvent> {
    return this.find(name, ({ event }) => event === name)
  }

  until(what: string, holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!holds()) return
        clearTimeout(late)
        this.#checks.delete(check)
        resolve()
      }
      const late = setTimeout(() => {
        this.#checks.delete(check)
        reject(new Error(`no ${what} within ${PATIENCE_MS} ms; the end of what came: ${this.text.slice(-1_000)}`))
      }, PATIENCE_MS)
      this.#checks.add(check)
      check()
    })
  }

  cut(): void {
    this.response.destroy()
  }

  #take(text: string): void {
    this.text = `${this.text}${text}`.slice(-10_000)
    const blocks = `${this.#rest}${text}`.split('\n\n')
    this.#rest = blocks.pop()!
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map(line => [line.split(':', 1)[0]!, line.slice(line.indexOf(': ') + 2)]),
      )
      const [event, data, id] = ['event', 'data', 'id'].map(name => fields.get(name))
      if (event !== undefined && data !== undefined) this.events.push({ event, data: JSON.parse(data), id })
    }
    this.#check()
  }

  #check(): void {
    for (const check of this.#checks) check()
  }
}

/** Sends the request and waits for the head of the answer. */
export function openEvents(
  t: TestScope,
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<EventReader> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, method, agent: false }, response => resolve(new EventReader(response)))
    sent.on('error', reject)
    sent.end()
    t.after(() => void sent.destroy())
  })
}
