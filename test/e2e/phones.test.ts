import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { secretbox } from '@noble/ciphers/salsa.js'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { trackwire } from '../support/trackwire-command.ts'

const run = promisify(execFile)
const ADMIN = { role: 'admin', sub: 'admin' } as const
const SECRET = 's3kr1t of the fleet'
const TST = Math.floor(Date.now() / 1_000) - 100

interface Types {
  readonly connected: boolean
  readonly transport: string | null
  readonly items: readonly { readonly name: string }[] | null
}

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
    environment: { TRACKWIRE_OWNTRACKS_SECRET: SECRET, TRACKWIRE_OSMAND: 'on', TRACKWIRE_OSMAND_PORT: '0' },
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

  const [, port5055] = /OsmAnd over HTTP\s+(http:\S+)/.exec(platform.output()) ?? []
  const own = await fetch(`${port5055}/?id=phone-1&lat=41.2&lon=-8.6&timestamp=${TST + 5}`, { method: 'POST' })
  assert.deepEqual([own.status, await own.text()], [200, ''], 'the port of its own')
  assert.deepEqual(await timesOf(platform, 'phone-1'), [0, 1, 2, 3, 4, 5])
  for (const path of ['/api/v1/devices', '/health', '/osmand?id=nobody&lat=1&lon=2'])
    assert.equal((await fetch(`${port5055}${path}`)).status, path.startsWith('/osmand') ? 400 : 404, path)

  const client = await platform.connect({ role: 'device', sub: 'phone-2' }, { clientId: 'iphone' })
  const granted = await client.subscribeAsync(['owntracks/+/+', 'owntracks/+/+/event'], { qos: 1 })
  assert.deepEqual(
    granted.map(({ qos }) => qos),
    [1, 1],
  )
  await client.publishAsync('owntracks/bob/iphone', JSON.stringify(at(TST)), { qos: 1, retain: true })
  assert.deepEqual(await timesOf(platform, 'phone-2'), [0])

  const told = new Promise<string>(resolve => {
    client.on('message', (topic, payload) => topic.endsWith('/cmd') && resolve(payload.toString()))
  })
  await client.subscribeAsync('owntracks/bob/iphone/cmd', { qos: 1 })
  const commands = '/api/v1/devices/phone-2/commands'
  const asked = await platform.request(commands, { ...ADMIN, body: { id: 'c-1', name: 'reportLocation', args: {} } })
  assert.equal(asked.status, 201, await asked.clone().text())
  assert.deepEqual(JSON.parse(await told), { _type: 'cmd', action: 'reportLocation' })
  const state = async () => {
    const answer = await platform.request(`${commands}/c-1`, ADMIN)
    return ((await answer.json()) as { command: { state: string } }).command.state
  }
  for (let tries = 0; (await state()) !== 'delivered' && tries < 200; tries += 1) await delay(100)
  assert.equal(await state(), 'delivered', 'told by its PUBACK')
  await client.endAsync()
  const types = async () => (await platform.request(`${commands}/types`, ADMIN)).json() as Promise<Types>
  for (let tries = 0; (await types()).connected && tries < 200; tries += 1) await delay(100)
  const { connected, transport, items } = await types()
  assert.deepEqual([connected, transport], [false, 'owntracks'])
  assert.ok(
    items?.some(({ name }) => name === 'reportLocation'),
    'also of a phone that is away',
  )
})

test('an app with the generated settings: its place is a fence that alerts, its friends are shown with their cards, retained or not', async t => {
  if (!(await hasMosquitto(t))) return
  const platform = await startTestPlatform(t)
  const command = (...args: string[]) => trackwire(t, args, { TRACKWIRE_DATA: platform.dataDirectory })
  for (const id of ['ann', 'bob']) {
    const body = { id, name: id }
    assert.equal((await platform.request('/api/v1/devices', { ...ADMIN, body })).status, 201)
  }
  const setUp = async (id: string, friends: string) => {
    const args = ['device', 'phone', id, '--org', 'demo', '--address', 'http://127.0.0.1', '--friends', friends]
    const { code, stdout, stderr } = await command(...args)
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as Record<'host' | 'port' | 'username' | 'password' | 'pubTopicBase' | 'subTopic', string>
  }
  const [ann, bob] = [await setUp('ann', 'bob'), await setUp('bob', 'ann')]
  const as = ({ host, port, username, password }: typeof ann) => [
    '-h',
    host,
    '-p',
    String(port),
    '-u',
    username,
    '-P',
    password,
    '-V',
    'mqttv31',
    '-q',
    '1',
  ]
  const say = (app: typeof ann, part: string, message: object) =>
    run('mosquitto_pub', [...as(app), '-r', '-t', `${app.pubTopicBase}${part}`, '-m', JSON.stringify(message)])
  const home = { _type: 'waypoint', desc: 'home', lat: 41.15, lon: -8.61, rad: 200, tst: 1_700_000_000 }
  await say(ann, '/waypoint', home)
  await say(ann, '/info', { _type: 'card', name: 'Ann' })
  await say(bob, '', { ...at(TST), lat: 41.3 })
  await say(ann, '', { ...at(TST), lat: 41.2, tid: 'an' })
  await say(ann, '', { ...at(TST + 1), tid: 'an' })
  const alerts = await platform.request('/api/v1/alerts?deviceId=ann', ADMIN)
  const { items } = (await alerts.json()) as { items: { event: string; fenceName: string }[] }
  assert.deepEqual(
    items.map(({ event, fenceName }) => [event, fenceName]),
    [['enter', 'home']],
  )

  const filters = ['-t', bob.subTopic, '-t', `${bob.subTopic}/info`]
  const { stdout } = await run('mosquitto_sub', [...as(bob), ...filters, '-C', '2', '-W', '20', '-F', '%r %t %p'])
  const shown = stdout.trimEnd().split('\n').sort()
  assert.deepEqual(
    shown.map(line => line.split(' ').slice(0, 2)),
    [
      ['1', 'owntracks/demo/ann'],
      ['1', 'owntracks/demo/ann/info'],
    ],
  )
  assert.deepEqual(
    shown
      .map(line => JSON.parse(line.split(' ').slice(2).join(' ')))
      .map(({ _type, tid, tst, name }) => [_type, tid, tst >= TST, name]),
    [
      ['location', 'an', true, undefined],
      ['card', 'nn', false, 'Ann'],
    ],
  )
  const http = await command(
    'device',
    'phone',
    'bob',
    '--org',
    'demo',
    '--address',
    platform.httpUrl,
    '--mode',
    'http',
    '--friends',
    'ann',
  )
  const { url, username, password } = JSON.parse(http.stdout)
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` },
    body: JSON.stringify(at(TST + 2)),
  })
  const friends = (await answer.json()) as { _type: string; topic: string; name?: string }[]
  assert.deepEqual(
    friends.map(({ _type, topic, name }) => [_type, topic, name]),
    [
      ['location', 'owntracks/demo/ann', undefined],
      ['card', 'owntracks/demo/ann', 'Ann'],
    ],
  )
  const stranger = await setUp('bob', 'nobody')
  const nothing = run('mosquitto_sub', [...as(stranger), ...filters, '-C', '1', '-W', '2', '-F', '%t'])
  await assert.rejects(nothing, { stdout: '' })
})
