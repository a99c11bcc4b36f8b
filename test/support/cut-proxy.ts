import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestScope } from './scope.ts'

/** A network that can be cut: clients connect to it, it connects to the platform. */
export interface CutProxy {
  readonly url: string
  /** Ends everything that stands, in the middle of whatever it was saying. New connections work. */
  cut(): void
  /** Ends everything, and lets nobody in until {@link open}. */
  close(): void
  /** From now on nothing arrives, in no direction, and nobody is told: a tunnel, not a reset. */
  swallow(): void
  /** Lets new connections in, to another address where one is given. */
  open(targetUrl?: string): void
  readonly connections: number
}

export async function startCutProxy(t: TestScope, targetUrl: string): Promise<CutProxy> {
  const sockets = new Set<Socket>()
  let target = new URL(targetUrl)
  let mode: 'open' | 'closed' | 'swallowing' = 'open'
  let connections = 0

  const server = createServer(client => {
    if (mode === 'closed') return void client.destroy()
    connections += 1
    const platform = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [client, platform],
      [platform, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => undefined)
      from.on('data', data => {
        if (mode !== 'swallowing') to.write(data)
      })
      from.on('close', () => {
        sockets.delete(from)
        if (mode !== 'swallowing') to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  t.after(() => {
    cut()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close() {
      mode = 'closed'
      cut()
    },
    swallow() {
      mode = 'swallowing'
    },
    open(url) {
      if (url !== undefined) target = new URL(url)
      if (mode === 'swallowing') cut()
      mode = 'open'
    },
    get connections() {
      return connections
    },
  }
}
