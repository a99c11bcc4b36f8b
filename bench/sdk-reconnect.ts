import { setTimeout as sleep } from 'node:timers/promises'
import { startCutProxy } from '../test/support/cut-proxy.ts'
import { startTestPlatform } from '../test/support/platform.ts'
import { openScope } from '../test/support/scope.ts'
import { RealtimeClient } from '../web-client/sdk/node/index.ts'

/*
 * How long after a cut of 30 s a client is back, by the two ways a network goes: connections that are refused, and packets that
 * vanish without a word.
 */
const CLIENTS = 20
const CUT_MS = 30_000

const scope = openScope()
const platform = await startTestPlatform(scope)
for (const way of ['refused', 'swallowed'] as const) {
  const backAfterMs = await measure(way)
  backAfterMs.sort((a, b) => a - b)
  const part = (p: number): string => `${((backAfterMs[Math.floor(p * (CLIENTS - 1))] ?? 0) / 1_000).toFixed(2)} s`
  console.log(
    `${way}: ${CLIENTS} clients back after a cut of 30 s: median ${part(0.5)}, 90 % ${part(0.9)}, last ${part(1)}`,
  )
}
await scope.release()

async function measure(way: 'refused' | 'swallowed'): Promise<number[]> {
  const proxy = await startCutProxy(scope, platform.httpUrl)
  // Ten streams belong to a principal at most.
  const clients = Array.from({ length: CLIENTS }, (_, i) => {
    const client = new RealtimeClient({
      url: proxy.url,
      token: () => platform.token({ role: 'user', sub: `user-${i}` }),
    })
    return client
  })
  await Promise.all(clients.map(client => client.connect()))
  if (way === 'refused') proxy.close()
  else proxy.swallow()
  await sleep(CUT_MS)
  proxy.open()
  const openedAtMs = Date.now()
  const back = await Promise.all(
    clients.map(async client => {
      while (client.connection.get().phase !== 'online') await sleep(5)
      return Date.now() - openedAtMs
    }),
  )
  await Promise.all(clients.map(client => client.disconnect()))
  return back
}
