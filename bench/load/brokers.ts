import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startTestPlatform } from '../../test/support/platform.ts'
import { type TestScope, temporaryFolder } from '../../test/support/scope.ts'

export const BROKER_NAMES = ['trackwire', 'aedes', 'mosquitto'] as const
export type BrokerName = (typeof BROKER_NAMES)[number]

/** A broker in a process of its own. */
export interface RunningBroker {
  readonly name: BrokerName
  readonly pid: number
  readonly port: number
  readonly webSocketPort: number
  readonly httpUrl?: string
  /** What CONNECT bears; nothing where everybody is let in. */
  password(role: 'device' | 'dispatcher', sub: string): Promise<string>
}

const MOSQUITTO = '/usr/sbin/mosquitto'

/** Why it cannot be run here; null when it can. */
export function whyNot(name: BrokerName): string | null {
  return name === 'mosquitto' && !existsSync(MOSQUITTO) ? 'mosquitto is not installed' : null
}

export function startBrokerProcess(t: TestScope, name: BrokerName): Promise<RunningBroker> {
  if (name === 'trackwire') return startPlatform(t)
  return name === 'aedes' ? startStockAedes(t) : startMosquitto(t)
}

/** As the README says, with the limits off: tokens, rights, schemas and the engine are all on. */
async function startPlatform(t: TestScope): Promise<RunningBroker> {
  const { DATABASE_URL } = process.env
  const environment = { TRACKWIRE_LIMITS: 'off', ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }) }
  const platform = await startTestPlatform(t, { environment })
  const webSocketPort = Number(new URL(platform.httpUrl).port)
  return {
    name: 'trackwire',
    pid: platform.pid,
    port: Number(new URL(platform.mqttUrl).port),
    webSocketPort,
    httpUrl: platform.httpUrl,
    password: (role, sub) => platform.token({ role, sub }),
  }
}

async function startStockAedes(t: TestScope): Promise<RunningBroker> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./stock-aedes.js', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  endWith(t, child)
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const { port, webSocketPort } = JSON.parse(line) as { port: number; webSocketPort: number }
  return { name: 'aedes', pid: child.pid!, port, webSocketPort, password: async () => '' }
}

/** Without limits of its queues and of what is in flight, which are its defaults: they would have it lose messages. */
async function startMosquitto(t: TestScope): Promise<RunningBroker> {
  const folder = await temporaryFolder(t)
  const [port, webSocketPort] = [await freePort(), await freePort()]
  const settings = [
    `listener ${port} 127.0.0.1`,
    `listener ${webSocketPort} 127.0.0.1`,
    'protocol websockets',
    'allow_anonymous true',
    'max_queued_messages 0',
    'max_inflight_messages 0',
    'set_tcp_nodelay true',
    'persistence false',
    'log_type none',
  ]
  const file = join(folder, 'mosquitto.conf')
  await writeFile(file, `${settings.join('\n')}\n`)
  const child = spawn(MOSQUITTO, ['-c', file], { stdio: 'ignore' })
  endWith(t, child)
  for (const own of [port, webSocketPort]) await untilListening(own)
  return { name: 'mosquitto', pid: child.pid!, port, webSocketPort, password: async () => '' }
}

function endWith(t: TestScope, child: ChildProcess): void {
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (isOpen) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on ${port}`)
}
