import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { secretbox } from '@noble/ciphers/salsa.js'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'

const run = promisify(execFile)
const ADMIN = { role: 'admin', sub: 'admin' } as const
const SECRET = 's3kr1t of the fleet'
const TST = Math.floor(Date.now() / 1_000) - 100

const at = (tst: number) => ({ _type: 'location', lat: 41.15, lon: -8.61, tst, vel: 36 })

/** As the app seals it: the secret filled up with zeros, the nonce before the box. */
function sealed(value: unknown): string {
  const key = new Uint8Array(32)
  key.set(Buffer.from(SECRET))
  const nonce = new Uint8Array(randomBytes(24))
  const box = secretbox(key, nonce).seal(new Uint8Array(Buffer.from(JSON.stringify(value))))
  return JSON.stringify({ _type: 'encrypted', data: Buffer.concat([nonce, box]).toString('base64') })
}

async function timesOf(platform: RunningPlatform, id: string): Promise<number[]> {
  const answer = await platform.request(`/api/v1/devices/${id}/history?limit=1000`, ADMIN)
  const { items } = (await answer.json()) as { items: { timestamp: number }[] }
  return items.map(({ timestamp }) => timestamp / 1_000 - TST)
}

async function hasMosquitto(t: TestContext): Promise<boolean> {
  const found = await run('mosquitto_pub', ['--help']).catch(error => (error.code === 'ENOENT' ? null : error))
  if (found === null) t.skip('mosquitto_pub is not installed (apt install mosquitto-clients)')
  return found !== null
}

test('phones: OwnTracks over MQTT 3.1 and HTTP, sealed or not, and OsmAnd by its id alone', async t => {
  if (!(await hasMosquitto(t))) return
  const platform = await startTestPlatform(t, {
    environment: { TRACKWIRE_OWNTRACKS_SECRET: SECRET, TRACKWIRE_OSMAND: 'on' },
  })
  const token = await platform.token({ role: 'device', sub: 'phone-1' })
  const { hostname, port } = new URL(platform.mqttUrl)
  const topic = 'owntracks/ann/iphone'
  const publish = (payload: string, ...more: string[]) =>
    run('mosquitto_pub', [
      ...['-h', hostname, '-p', port, '-u', 'ann', '-P', token, '-V', 'mqttv31', '-q', '1', '-r'],
      ...['-i', 'ann-iphone-with-a-client-id-of-more-than-23-characters', '-t', topic, '-m', payload, ...more],
    ])
  // mosquitto_pub ends with the PUBACK, which means that the fix is stored.
  await publish(JSON.stringify(at(TST)), '--will-topic', topic, '--will-payload', '{"_type":"lwt","tst":1}')
  assert.deepEqual(await timesOf(platform, 'phone-1'), [0])
  await publish(sealed(at(TST + 1)))
  assert.deepEqual(await timesOf(platform, 'phone-1'), [0, 1])

  const basic = `Basic ${Buffer.from(`ann:${token}`).toString('base64')}`
  for (const [i, body] of [JSON.stringify(at(TST + 2)), sealed(at(TST + 3))].entries()) {
    const answer = await fetch(`${platform.httpUrl}/owntracks`, {
      method: 'POST',
      headers: { authorization: basic, 'content-type': 'application/json', 'x-limit-u': 'ann', 'x-limit-d': 'iphone' },
      body,
    })
    assert.deepEqual([answer.status, await answer.json()], [200, []], `message ${i}`)
  }
  assert.deepEqual(await timesOf(platform, 'phone-1'), [0, 1, 2, 3])

  const osmand = await fetch(`${platform.httpUrl}/osmand?id=phone-1&lat=41.2&lon=-8.6&timestamp=${TST + 4}&speed=5`)
  assert.deepEqual([osmand.status, await osmand.text()], [200, ''])
  assert.deepEqual(await timesOf(platform, 'phone-1'), [0, 1, 2, 3, 4])

  const client = await platform.connect({ role: 'device', sub: 'phone-2' }, { clientId: 'iphone' })
  const granted = await client.subscribeAsync(['owntracks/+/+', 'owntracks/+/+/event'], { qos: 1 })
  assert.deepEqual(
    granted.map(({ qos }) => qos),
    [1, 1],
  )
  await client.publishAsync('owntracks/bob/iphone', JSON.stringify(at(TST)), { qos: 1, retain: true })
  assert.deepEqual(await timesOf(platform, 'phone-2'), [0])
})
