import assert from 'node:assert/strict'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CHANNEL_NAMES, CHANNELS, parseTopic } from '../../contract/index.ts'
import { backOffMs } from '../../web-client/sdk/back-off.ts'
import { type Channel, filterOf, paramsOf, topicOf } from '../../web-client/sdk/channels.ts'
import { CONNACK, connectPacket, PacketReader, publishPacket } from '../../web-client/sdk/mqtt-packets.ts'
import { fileOutbox, isDue, memoryOutbox, type OutboxStore } from '../../web-client/sdk/node/index.ts'
import { bufferedText, Outbox } from '../../web-client/sdk/outbox.ts'
import { readToken, TokenSource } from '../../web-client/sdk/token.ts'
import { eventually } from '../support/eventually.ts'
import { temporaryFolder } from '../support/scope.ts'

const jwtOf = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`

test('topics and filters of every channel are those of the contract', () => {
  for (const name of CHANNEL_NAMES as Channel[]) {
    const values: Record<string, string> = {}
    for (const [, param, choices] of CHANNELS[name].template.matchAll(/\{(\w+):?([^}]*)\}/g)) {
      if (param !== 'org') values[param!] = choices === '' ? 'x-1' : choices!.split('|')[0]!
    }
    const topic = topicOf(name, 'demo', values)
    assert.equal(parseTopic(topic)?.channel, name)
    assert.deepEqual(paramsOf(name, topic), values)
    assert.equal(filterOf(name, 'demo', values), topic)
  }
  assert.throws(() => topicOf('location', 'demo', { deviceId: 'a/b' }), { code: 'topic_invalid' })
  assert.equal(filterOf('geofenceNotification', 'demo', { deviceId: 'v' }), 'demo/notifications/geofence/+/v')
})

test('packets are cut out of whatever pieces the bytes come in, and long ones have long lengths', () => {
  const long = publishPacket('a', new Uint8Array(2_000), 7)
  assert.deepEqual([...long.slice(0, 9)], [0x32, 0xd5, 0x0f, 0, 1, 97, 0, 7, 0])
  const connack = [0x20, 2, 0, 5]
  const bytes = Uint8Array.from([...connack, ...long, ...connack])
  for (const step of [1, 3, 1_000, bytes.length]) {
    const reader = new PacketReader()
    const found = []
    for (let at = 0; at < bytes.length; at += step) found.push(...reader.read(bytes.slice(at, at + step)))
    assert.deepEqual(
      found.map(({ type, body }) => [type, body.length]),
      [
        [CONNACK, 2],
        [3, 2_005],
        [CONNACK, 2],
      ],
    )
  }
  const packet = connectPacket({ clientId: 'c', username: 'u', password: 'p', keepAliveSeconds: 300 })
  assert.deepEqual([...packet.slice(0, 12)], [0x10, 19, 0, 4, 77, 81, 84, 84, 4, 0xc2, 1, 44])
})

test('back-off: the half of it by lot, short while the outage is young', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 40].map(attempt => backOffMs(attempt, 0, 0.999)),
    [400, 800, 1_599, 3_198, 3_998, 3_998],
  )
  assert.equal(backOffMs(10, 1_000, 0), 2_000)
  assert.equal(backOffMs(10, 121_000, 0), 15_000)
})

test('a token says whose it is; it is asked for again before it expires, once for all who want it', async () => {
  assert.throws(() => readToken('nonsense'), { code: 'token_unreadable' })
  let asked = 0
  const tokens = new TokenSource(async () => {
    asked += 1
    return jwtOf({
      sub: `sub-${asked}`,
      org: 'demo',
      role: 'user',
      exp: (Date.now() + (asked === 1 ? 2_500 : 3_600_000)) / 1_000,
    })
  })
  const [a, b] = await Promise.all([tokens.get(), tokens.get()])
  assert.equal(a, b)
  const fresh: string[] = []
  const end = tokens.keepFresh(({ sub }) => fresh.push(sub))
  await eventually('the renewal', () => fresh.length > 0)
  end()
  assert.ok(a.expiresAtMs > Date.now(), 'before the old one has expired')
  assert.deepEqual([fresh, asked], [['sub-2'], 2])
})

const at = (seconds: number, more: object = {}) => ({
  timestamp: seconds * 1_000,
  location: { lat: 41, lng: -8, ...more },
})

test('positions are sent as often as movement and battery ask for', () => {
  const sent = at(0, { speed: 10, heading: 350 })
  const cases: [string, ReturnType<typeof at>, Parameters<typeof isDue>[2], boolean][] = [
    ['moving, too soon', at(3, { speed: 10, heading: 350 }), {}, false],
    ['moving, the interval is over', at(5, { speed: 10 }), {}, true],
    ['a turn over north', at(2, { speed: 10, heading: 25 }), {}, true],
    ['a turn, but just sent', at(0.5, { speed: 10, heading: 90 }), {}, false],
    ['standing', at(30, { speed: 0 }), {}, false],
    ['standing, a sign of life', at(60, { speed: 0 }), {}, true],
    ['moved, though no speed is said', at(6, { lat: 41.001 }), {}, true],
    ['drift within its accuracy', at(6, { lat: 41.001, accuracy: 200 }), {}, false],
    ['battery low', at(10, { speed: 10 }), { battery: 10 }, false],
    ['battery low, but charging', at(10, { speed: 10 }), { battery: 10, isCharging: true }, true],
    ['battery low, late', at(15, { speed: 10 }), { battery: 10 }, true],
  ]
  for (const [what, sample, conditions, due] of cases) assert.equal(isDue(sample, sent, conditions), due, what)
  assert.equal(isDue(at(0), null, {}), true)
})

const entry = (n: number) => ({
  channel: 'location' as const,
  params: { deviceId: 'v' },
  payload: { timestamp: n },
  queuedAtMs: n,
})

test('a file keeps what waits, in order, with numbers that never come again, and a torn line costs nothing', async t => {
  const folder = await temporaryFolder(t)
  const first = await fileOutbox(folder)('demo:v')
  const numbers = await Promise.all([1, 2, 3, 4].map(n => first.append(entry(n))))
  assert.deepEqual(numbers, [1, 2, 3, 4])
  await first.remove([1, 4])
  await first.close()
  await appendFile(join(folder, 'demo%3Av.jsonl'), '{"add":{"sequence":5,"chan')
  const second = await fileOutbox(folder)('demo:v')
  assert.deepEqual(
    (await second.read(10, new Set([3]))).map(({ sequence }) => sequence),
    [2],
  )
  assert.deepEqual(await second.stats(), { count: 2, oldestAtMs: 2 })
  assert.equal(await second.append(entry(6)), 5)
  await second.remove([2, 3, 5])
  const many = await Promise.all(Array.from({ length: 1_100 }, (_, n) => second.append(entry(n))))
  await Promise.all(many.map(sequence => second.remove([sequence])))
  await second.append(entry(8))
  const text = await readFile(join(folder, 'demo%3Av.jsonl'), 'utf8')
  assert.ok(text.split('\n').length < 10, 'what is done is swept away')
  await second.close()
  const third = await fileOutbox(folder)('demo:v')
  assert.equal(await third.append(entry(7)), 1_107)
  await third.close()
})

interface Sent {
  readonly channel: string
  readonly payload: unknown
}

async function outboxOf(policy: ConstructorParameters<typeof Outbox>[3], deliver: (sent: Sent) => Promise<void>) {
  const [cries, positions]: OutboxStore[] = await Promise.all([memoryOutbox('sos'), memoryOutbox('all')])
  return new Outbox(
    { cries: cries!, positions: positions! },
    (channel, _, payload) => deliver({ channel, payload }),
    'x',
    policy,
  )
}

test('an SOS goes first, what is new overtakes what waits, and what waits goes in order', async () => {
  const sent: Sent[] = []
  let hold: Promise<void> = Promise.resolve()
  const outbox = await outboxOf({ backlogBurst: 150, backlogPerSecond: 500 }, async one => {
    sent.push(one)
    await hold
  })
  for (let n = 1; n <= 250; n++) await outbox.add('location', { deviceId: 'v' }, { timestamp: n })
  await outbox.add('sos', { deviceId: 'v' }, { action: 'trigger' })
  await eventually('the count', () => outbox.progress.get().buffered === 251)
  assert.match(bufferedText(outbox.progress.get()), /^251 buffered, oldest 00:0\d$/)
  let release = (): void => undefined
  hold = new Promise(resolve => {
    release = resolve
  })
  outbox.setOnline(true)
  await eventually('the SOS', () => sent.length === 1)
  const { delivered } = await outbox.add('location', { deviceId: 'v' }, { timestamp: 999 })
  release()
  await delivered
  await eventually('everything', () => outbox.progress.get().buffered === 0)
  assert.deepEqual(
    sent.map(({ channel, payload }) => [channel, Array.isArray(payload) ? payload.length : 1]),
    [
      ['sos', 1],
      ['location', 1],
      ['locationBatch', 100],
      ['locationBatch', 100],
      ['locationBatch', 50],
    ],
  )
  const backlog = sent.flatMap(({ payload }) => (Array.isArray(payload) ? payload : []))
  assert.deepEqual(
    backlog.map(({ timestamp, attributes }) => [timestamp, attributes.sequence]),
    Array.from({ length: 250 }, (_, i) => [i + 1, i + 1]),
  )
  await outbox.close()
})

test('a full outbox gives up the oldest and says so, or refuses the newest', async () => {
  const dropping = await outboxOf({ maxEntries: 3 }, async () => {})
  const { delivered } = await dropping.add('location', { deviceId: 'v' }, { timestamp: 0 })
  for (let n = 1; n < 5; n++) await dropping.add('location', { deviceId: 'v' }, { timestamp: n })
  await assert.rejects(delivered, { code: 'queue_full' })
  await eventually('the count', () => dropping.progress.get().buffered === 3)
  assert.equal(dropping.progress.get().dropped, 2)
  await dropping.close()
  const refusing = await outboxOf({ maxEntries: 1, whenFull: 'refuse' }, async () => {})
  await refusing.add('location', { deviceId: 'v' }, { timestamp: 0 })
  await assert.rejects(refusing.add('location', { deviceId: 'v' }, { timestamp: 1 }), { code: 'queue_full' })
  await refusing.add('sos', { deviceId: 'v' }, { action: 'trigger' })
  await refusing.close()
})
