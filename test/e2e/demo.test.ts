import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startTestPlatform } from '../support/platform.ts'

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isSo(); waitedMs += 50) {
    assert.ok(waitedMs < 30_000, `${what} did not come`)
    await delay(50)
  }
}

test('the demo prints a link that logs in, and alerts as its vehicles cross fences; SIGTERM ends it with 0', async t => {
  const demo = await startTestPlatform(t, { command: 'demo' })
  await until('the link', () => demo.output().includes('#code='))
  const [, code] = /#code=(\S+)/.exec(demo.output())!
  const redeem = () =>
    fetch(`${demo.httpUrl}/api/v1/auth/code`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    })
  const { accessToken: token } = (await (await redeem()).json()) as { accessToken: string }
  assert.equal((await redeem()).status, 401, 'the link is good once')
  const devices = await fetch(`${demo.httpUrl}/api/v1/devices`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(devices.status, 200)
  const { items } = (await devices.json()) as { items: { name: string }[] }
  assert.ok(items.length >= 12, 'a fleet')
  const ALERT = /^\d\d:\d\d:\d\d {2}(enter|exit) +\S.+: \S/m
  await until('an alert', () => ALERT.test(demo.output()))
  assert.doesNotMatch(demo.output(), /eyJ[\w-]+\.[\w-]+\./, 'no token is printed or logged')
  assert.equal(await demo.stop(), 0)
})
