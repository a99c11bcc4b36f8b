import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Logger, pino } from 'pino'
import { Registry } from 'prom-client'
import { createTokens, openSigningKeys, type SigningKeys, type Tokens } from '../../bridge/index.ts'
import {
  type Broker,
  type BrokerOptions,
  type Handlers,
  type Inbound,
  type Refusal,
  startBroker,
} from '../../broker/index.ts'
import type { ChannelName } from '../../contract/index.ts'
import { type TestScope, temporaryFolder } from './scope.ts'
import type { Who } from './who.ts'

/** Any valid fix: now, somewhere in Porto. */
export function fix(timestamp = Date.now(), more: Record<string, unknown> = {}): string {
  return JSON.stringify({ timestamp, location: { lat: 41.15, lng: -8.61 }, ...more })
}

let keys: Promise<SigningKeys> | undefined
let tokens: Promise<Tokens> | undefined

/** One signing key for the whole test process: making a key takes longer than most tests. */
export function testKeys(): Promise<SigningKeys> {
  keys ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trackwire-keys-'))
    const opened = await openSigningKeys(folder)
    await rm(folder, { recursive: true })
    return opened
  })()
  return keys
}

export function testTokens(): Promise<Tokens> {
  tokens ??= testKeys().then(opened => createTokens(opened))
  return tokens
}

export async function mint({ org = 'demo', ttlSeconds = 3_600, ...claims }: Who): Promise<string> {
  return (await testTokens()).mint({ org, ttlSeconds, ...claims })
}

/** One call of a handler, for the test to settle. */
export interface Call {
  readonly channel: ChannelName
  readonly message: Inbound<ChannelName>
  resolve(refusals?: readonly Refusal[]): void
  reject(error: Error): void
}

/** Handlers that record what arrives; they answer at once, or, while `held`, when the test says so. */
export class RecordingHandlers {
  readonly calls: Call[] = []
  held = false
  /** On a fix that nobody waits for. */
  verdict: 'forward' | 'swallow' = 'forward'
  readonly #waiting: { count: number; resolve: () => void }[] = []

  /** Resolves once so many calls have arrived. */
  arrived(count: number): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push({ count, resolve })
      this.#check()
    })
  }

  handlers(): Handlers {
    const record = (channel: ChannelName) => (message: Inbound<never>) =>
      new Promise<readonly Refusal[]>((resolve, reject) => {
        this.calls.push({ channel, message, resolve: (refusals = []) => resolve(refusals), reject })
        if (!this.held) resolve([])
        this.#check()
      })
    const location: Handlers['location'] = (message, answer) => {
      record('location')(message as never).then(answer, answer)
    }
    return {
      location,
      unawaitedLocation: (message, tell) => {
        location(message, tell)
        return this.verdict
      },
      locationBatch: record('locationBatch'),
      sos: record('sos'),
      sosAnswer: record('sosAnswer'),
      command: record('command'),
      commandResult: record('commandResult'),
    }
  }

  #check(): void {
    for (const waiting of this.#waiting) if (this.calls.length >= waiting.count) waiting.resolve()
  }
}

export interface TestBroker {
  readonly broker: Broker
  readonly port: number
  readonly url: string
  readonly dataDirectory: string
  readonly work: RecordingHandlers
  readonly registry: Registry
  /** An mqtt.js client with a token of its own. */
  connect(who: Who, options?: IClientOptions): Promise<MqttClient>
  /** Closes this broker and starts another one in the same data folder. */
  restart(options?: Partial<BrokerOptions>): Promise<TestBroker>
}

export interface TestBrokerOptions extends Partial<BrokerOptions> {
  readonly webSocketServer?: import('node:http').Server
  readonly allowedOrigins?: readonly string[]
}

export const silent: Logger = pino({ level: 'silent' })

/** The real broker on a free port of the loopback, in a folder that goes with the test. */
export async function startTestBroker(t: TestScope, options: TestBrokerOptions = {}): Promise<TestBroker> {
  const { webSocketServer, allowedOrigins = [], ...brokerOptions } = options
  const dataDirectory = options.dataDirectory ?? (await temporaryFolder(t))
  const work = new RecordingHandlers()
  const registry = new Registry()
  const broker = await startBroker({
    verifyToken: (await testTokens()).verify,
    handlers: work.handlers(),
    logger: silent,
    registry,
    limits: true,
    ...brokerOptions,
    dataDirectory,
  })
  t.after(() => broker.close())
  const webSocket = webSocketServer ? { webSocket: { server: webSocketServer, allowedOrigins } } : {}
  const [address] = await broker.listen({ tcp: { host: '127.0.0.1', port: 0 }, ...webSocket })
  const port = Number(new URL(address!).port)
  return {
    broker,
    port,
    url: address!,
    dataDirectory,
    work,
    registry,
    async connect(who, clientOptions = {}) {
      const password = await mint(who)
      const client = await mqtt.connectAsync(address!, {
        username: 'any',
        password,
        reconnectPeriod: 0,
        ...clientOptions,
      })
      client.on('error', () => {})
      t.after(() => {
        client.end(true)
      })
      return client
    },
    async restart(more = {}) {
      await broker.close()
      return startTestBroker(t, { ...options, ...more, dataDirectory })
    },
  }
}

/** The value of a metric with these labels, 0 when it was never counted. */
export async function metric(registry: Registry, name: string, labels: Record<string, string> = {}): Promise<number> {
  const found = await registry.getSingleMetric(name)?.get()
  const value = found?.values.find(({ labels: own }) =>
    Object.entries(labels).every(([key, wanted]) => (own as Record<string, unknown>)[key] === wanted),
  )
  return value?.value ?? 0
}
