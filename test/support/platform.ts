import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { createTokens, openSigningKeys } from '../../bridge/index.ts'
import { NODE_ARGUMENTS } from './node-arguments.ts'
import { type TestScope, temporaryFolder } from './scope.ts'
import type { Who } from './who.ts'

export const TRACKWIRE = fileURLToPath(new URL('../../../bin/trackwire.js', import.meta.url))

/** The real platform in a process of its own, on free ports and a data folder that goes with the test. */
export interface RunningPlatform {
  readonly mqttUrl: string
  readonly httpUrl: string
  readonly dataDirectory: string
  readonly pid: number
  /** What it printed to standard output and standard error so far. */
  readonly output: () => string
  readonly administrator: { readonly username: string; readonly password: string } | undefined
  token(options: Who): Promise<string>
  /** SIGTERM, or what is given; resolves with the exit code, null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  connect(options: Who, more?: IClientOptions): Promise<MqttClient>
  /** With a token that was made elsewhere. */
  connectWith(token: string, more?: IClientOptions): Promise<MqttClient>
  request(
    path: string,
    options: Who & { method?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Response>
}

export interface PlatformOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Of node itself. */
  readonly nodeArguments?: readonly string[]
  /** A folder of an earlier run; a new one when left out. */
  readonly dataDirectory?: string
  /** `serve` when left out. */
  readonly command?: 'serve' | 'demo'
}

const START_WITHIN_MS = 180_000

export async function startTestPlatform(t: TestScope, options: PlatformOptions = {}): Promise<RunningPlatform> {
  const dataDirectory = options.dataDirectory ?? (await temporaryFolder(t))
  const nodeArguments = options.nodeArguments ?? NODE_ARGUMENTS
  const child = spawn(process.execPath, [...nodeArguments, TRACKWIRE, options.command ?? 'serve'], {
    cwd: dataDirectory,
    env: {
      PATH: process.env.PATH,
      TRACKWIRE_DATA: dataDirectory,
      TRACKWIRE_MQTT_PORT: '0',
      TRACKWIRE_HTTP_PORT: '0',
      TRACKWIRE_LOG_LEVEL: 'warn',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => stop(child, 'SIGKILL').then(() => {}))
  const output: string[] = []
  child.stderr.on('data', data => output.push(String(data)))
  const printed = await readAddresses(child, output)
  const keys = createTokens(await openSigningKeys(dataDirectory))

  const token = ({ org = 'demo', ttlSeconds = 3_600, ...claims }: Who) => keys.mint({ org, ttlSeconds, ...claims })
  async function connectWith(password: string, more: IClientOptions = {}): Promise<MqttClient> {
    const options = { username: 'any', password, reconnectPeriod: 0, ...more }
    const client = await mqtt.connectAsync(printed.mqttUrl, options)
    t.after(() => {
      client.end(true)
    })
    return client
  }
  return {
    ...printed,
    dataDirectory,
    pid: child.pid!,
    output: () => output.join(''),
    token,
    stop: (signal = 'SIGTERM') => stop(child, signal),
    connectWith,
    connect: async (who, more) => connectWith(await token(who), more),
    async request(path, { method, body, headers, ...who }) {
      return fetch(`${printed.httpUrl}${path}`, {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          authorization: `Bearer ${await token(who)}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    },
  }
}

async function readAddresses(
  child: ChildProcess,
  output: string[],
): Promise<Pick<RunningPlatform, 'mqttUrl' | 'httpUrl' | 'administrator'>> {
  let mqttUrl: string | undefined
  let httpUrl: string | undefined
  let administrator: RunningPlatform['administrator']
  const late = setTimeout(() => child.kill('SIGKILL'), START_WITHIN_MS)
  const lines = createInterface({ input: child.stdout! })
  // Lines come in the order in which they were printed: the administrator's password, if any, right behind the addresses.
  const ready = new Promise<void>(resolve => {
    lines.on('line', line => {
      output.push(`${line}\n`)
      mqttUrl ??= /mqtts?:\/\/\S+/.exec(line)?.[0]
      httpUrl ??= /https?:\/\/\S+/.exec(line)?.[0]
      const [, username, password] = /^Administrator\s+(\S+), password (\S+)/.exec(line) ?? []
      if (username && password) administrator = { username, password }
      if (mqttUrl && httpUrl) setImmediate(resolve)
    })
  })
  await Promise.race([ready, once(child, 'exit')])
  clearTimeout(late)
  if (mqttUrl === undefined || httpUrl === undefined) throw new Error(`the platform did not start:\n${output.join('')}`)
  return { mqttUrl, httpUrl, administrator }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, 'exit')
  child.kill(signal)
  const [code] = (await exit) as [number | null]
  return code
}
