import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LocationUpdate, RealtimeClient } from '../../web-client/sdk/node/index.ts'
import { startCutProxy } from '../support/cut-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { randomOf } from '../support/seeded-random.ts'

function phoneOf(
  t: TestContext,
  platform: RunningPlatform,
  sub: string,
  url: string,
  outboxFolder: string,
): RealtimeClient {
  const client = new RealtimeClient({
    url,
    token: () => platform.token({ role: 'device', sub }),
    outboxFolder,
    outbox: { backlogPerSecond: 1_000 },
  })
  t.after(() => client.disconnect())
  return client
}

const fixAt = (timestamp: number) => ({ timestamp, location: { lat: 41 + (timestamp % 1_000) / 10_000, lng: -8.6 } })

async function historyOf(platform: RunningPlatform, sub: string): Promise<LocationUpdate[]> {
  const response = await platform.request(`/api/v1/devices/${sub}/history?limit=1000`, {
    role: 'dispatcher',
    sub: 'desk',
  })
  const { items } = (await response.json()) as { items: LocationUpdate[] }
  return items
}

const sequencesOf = (fixes: readonly LocationUpdate[]): unknown[] => fixes.map(({ attributes }) => attributes?.sequence)

test('the outbox', async t => {
  const platform = await startTestPlatform(t)

  await t.test(
    'a phone without a network keeps what it has to say over a restart, says how much, and loses nothing and repeats nothing',
    async t => {
      const proxy = await startCutProxy(t, platform.httpUrl)
      const folder = await temporaryFolder(t)
      const from = Date.now() - 1_000_000
      const first = phoneOf(t, platform, 'phone-1', proxy.url, folder)
      await first.connect()
      await (await first.sendLocation(fixAt(from))).delivered
      proxy.close()
      for (let i = 1; i <= 43; i++) await first.sendLocation(fixAt(from + i * 1_000))
      await eventually('the count', () => first.outbox.get().buffered === 43)
      assert.ok(first.outbox.get().oldestAtMs! <= Date.now())
      assert.equal(first.outbox.get().isPersistent, true)
      await first.disconnect()
      assert.equal((await historyOf(platform, 'phone-1')).length, 1)

      // A new process: nobody sends anything, and what was left over goes out by itself.
      const second = phoneOf(t, platform, 'phone-1', proxy.url, folder)
      second.connect().catch(() => undefined)
      await eventually('what is left over', () => second.outbox.get().buffered === 43)
      proxy.open()
      await eventually('an empty outbox', () => second.outbox.get().buffered === 0)
      const fixes = await historyOf(platform, 'phone-1')
      assert.deepEqual(
        fixes.map(({ timestamp }) => timestamp),
        Array.from({ length: 44 }, (_, i) => from + i * 1_000),
      )
      assert.deepEqual(
        sequencesOf(fixes),
        Array.from({ length: 44 }, (_, i) => i + 1),
      )
    },
  )

  await t.test(
    'the network is cut at random instants while a phone sends: every fix is stored once, no number is missing',
    async t => {
      const proxy = await startCutProxy(t, platform.httpUrl)
      const random = randomOf(43)
      const phone = phoneOf(t, platform, 'phone-2', proxy.url, await temporaryFolder(t))
      await phone.connect()
      const FIXES = 200
      const from = Date.now() - FIXES * 1_000
      let isSending = true
      const cutting = (async () => {
        while (isSending) {
          await sleep(random() * 300)
          if (random() < 0.3) proxy.close()
          else proxy.cut()
          await sleep(random() * 100)
          proxy.open()
        }
      })()
      for (let i = 0; i < FIXES; i++) {
        await phone.sendLocation(fixAt(from + i * 1_000))
        await sleep(8)
      }
      isSending = false
      await cutting
      await eventually('an empty outbox', () => phone.outbox.get().buffered === 0)
      const fixes = await historyOf(platform, 'phone-2')
      assert.deepEqual(
        sequencesOf(fixes),
        Array.from({ length: FIXES }, (_, i) => i + 1),
      )
      assert.equal(phone.outbox.get().dropped, 0)
    },
  )
})
