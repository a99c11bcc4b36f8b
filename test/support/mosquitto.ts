import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { connect as connectTcp, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import mqtt, { type MqttClient } from 'mqtt'
import type { Pair } from './certificates.ts'
import { type TestScope, temporaryFolder } from './scope.ts'

const run = promisify(execFile)
/** Debian keeps it out of the path of users. */
const PATH = `${process.env.PATH}:/usr/sbin`
const START_WITHIN_MS = 30_000

/** A real mosquitto on a port of its own, to be stopped and started at will. */
export interface Mosquitto {
  readonly url: string
  readonly port: number
  start(): Promise<void>
  /** SIGTERM, or what is given. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** A client that is on no bridge. */
  connect(): Promise<MqttClient>
  /** Every message it takes under the filter, as `topic payload`, over restarts of mosquitto too. */
  record(filter: string): Promise<Recording>
}

export interface Recording {
  readonly messages: readonly { readonly topic: string; readonly payload: string; readonly retain: boolean }[]
  /** Resolves once the messages so far are as wanted; rejects when they are not within a generous time. */
  until(what: string, fits: (messages: Recording['messages']) => boolean): Promise<void>
}

export interface MosquittoOptions {
  /** MQTT over TLS with client certificates that this authority signed, in place of plain MQTT. */
  readonly tls?: { readonly ca: Pair; readonly server: Pair } | undefined
  readonly user?: { readonly name: string; readonly password: string } | undefined
}

/** Undefined, and the test skipped, where mosquitto is not installed. */
export async function withMosquitto(t: TestScope, options: MosquittoOptions = {}): Promise<Mosquitto | undefined> {
  try {
    // It has no --version, and ends with 3 after its help.
    await run('mosquitto', ['-h'], { env: { PATH } }).catch(error => {
      if (error.code === 'ENOENT') throw error
    })
  } catch {
    t.skip?.('mosquitto is not installed (apt install mosquitto)')
    return undefined
  }
  const folder = await temporaryFolder(t)
  const port = await freePort()
  const { tls, user } = options
  const lines = [
    `listener ${port} 127.0.0.1`,
    'persistence true',
    `persistence_location ${folder}/`,
    'max_queued_messages 0',
    'log_dest none',
    // As root it would become another user, who may not read the folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ]
  if (tls !== undefined) {
    lines.push(`cafile ${tls.ca.certFile}`, `certfile ${tls.server.certFile}`, `keyfile ${tls.server.keyFile}`)
    lines.push('require_certificate true')
  }
  if (user === undefined) lines.push('allow_anonymous true')
  else {
    const file = join(folder, 'passwords')
    await writeFile(file, `${user.name}:${user.password}\n`)
    await run('mosquitto_passwd', ['-U', file], { env: { PATH } })
    await chmod(file, 0o600)
    lines.push('allow_anonymous false', `password_file ${file}`)
  }
  const config = join(folder, 'mosquitto.conf')
  await writeFile(config, `${lines.join('\n')}\n`)
  let child: ChildProcess | undefined
  t.after(() => stop('SIGKILL'))

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const exit = once(running, 'exit')
    running.kill(signal)
    await exit
  }

  async function start(): Promise<void> {
    child = spawn('mosquitto', ['-c', config], { stdio: 'ignore', env: { PATH } })
    const deadline = Date.now() + START_WITHIN_MS
    while (!(await answers(port))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`mosquitto did not start on port ${port}`)
      await delay(20)
    }
  }

  const url = `${tls === undefined ? 'mqtt' : 'mqtts'}://127.0.0.1:${port}`
  async function connect(more: mqtt.IClientOptions = {}): Promise<MqttClient> {
    const client = await mqtt.connectAsync(url, { reconnectPeriod: 50, ...more })
    client.on('error', () => {})
    t.after(() => {
      client.end(true)
    })
    return client
  }

  await start()
  return {
    url,
    port,
    start,
    stop,
    connect: () => connect(),
    async record(filter) {
      const client = await connect({ clientId: `recorder-${Math.random().toString(36).slice(2)}`, clean: false })
      return recordFrom(client, filter)
    },
  }
}

const HEARD_WITHIN_MS = 30_000

async function recordFrom(client: MqttClient, filter: string): Promise<Recording> {
  const messages: { topic: string; payload: string; retain: boolean }[] = []
  const checks = new Set<() => void>()
  client.on('message', (topic, bytes, { retain, dup }) => {
    const payload = bytes.toString()
    // mosquitto went before it had our PUBACK, and sends its own message again; what it was given twice has no such flag.
    if (dup && messages.some(message => message.topic === topic && message.payload === payload)) return
    messages.push({ topic, payload, retain })
    for (const check of checks) check()
  })
  await client.subscribeAsync(filter, { qos: 1 })
  return {
    messages,
    until: (what, fits) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          checks.delete(check)
          const heard = messages.map(({ topic, payload }) => `${topic} ${payload}`).join('\n')
          reject(new Error(`mosquitto was not given ${what}, but:\n${heard.slice(-4_000)}`))
        }, HEARD_WITHIN_MS)
        const check = () => {
          if (!fits(messages)) return
          checks.delete(check)
          clearTimeout(late)
          resolve()
        }
        checks.add(check)
        check()
      }),
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
