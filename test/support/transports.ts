import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { createWebSocketStream, WebSocket } from 'ws'
import { startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts'
import { openRaw, RawClient } from './raw-mqtt.ts'
import { type TestScope, temporaryFolder } from './scope.ts'

const run = promisify(execFile)

export const TRANSPORTS = ['tcp', 'tls', 'websocket'] as const
export type TestTransport = (typeof TRANSPORTS)[number]

export interface OpenBroker extends TestBroker {
  /** A socket of that transport, nothing sent yet. */
  open(): Promise<RawClient>
}

/** A broker that is reached by one transport; undefined, and the test skipped, where TLS needs an openssl that is not there. */
export async function startBrokerOver(
  t: TestScope,
  transport: TestTransport,
  options: TestBrokerOptions,
): Promise<OpenBroker | undefined> {
  if (transport === 'websocket') return overWebSocket(t, options)
  const running = await startTestBroker(t, options)
  if (transport === 'tcp') return { ...running, open: () => openRaw(t, running.port) }
  const pair = await selfSigned(t)
  if (pair === undefined) return undefined
  const [address] = await running.broker.listen({ tls: { host: '127.0.0.1', port: 0, tls: pair } })
  const open = async () => {
    const socket = connectTls({ host: '127.0.0.1', port: Number(new URL(address!).port), ca: pair.cert })
    t.after(() => {
      socket.destroy()
    })
    await once(socket, 'secureConnect')
    return new RawClient(socket)
  }
  return { ...running, open }
}

async function overWebSocket(t: TestScope, options: TestBrokerOptions): Promise<OpenBroker> {
  const webSocketServer = createServer()
  webSocketServer.listen(0, '127.0.0.1')
  await once(webSocketServer, 'listening')
  t.after(() => {
    webSocketServer.close()
  })
  const running = await startTestBroker(t, { ...options, webSocketServer })
  const { port } = webSocketServer.address() as { port: number }
  const open = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'])
    t.after(() => socket.terminate())
    await once(socket, 'open')
    return new RawClient(createWebSocketStream(socket))
  }
  return { ...running, open }
}

/** A certificate for 127.0.0.1. */
async function selfSigned(t: TestScope): Promise<{ cert: string; key: string } | undefined> {
  const folder = await temporaryFolder(t)
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  try {
    await run('openssl', ['req', '-x509', ...kind, ...name, '-keyout', files.key, '-out', files.cert])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip?.('openssl is not installed: there is no certificate to serve')
    return undefined
  }
  return { cert: await readFile(files.cert, 'utf8'), key: await readFile(files.key, 'utf8') }
}
