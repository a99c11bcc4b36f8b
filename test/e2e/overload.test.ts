import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import pg from 'pg'
import { fix } from '../support/broker.ts'
import { withPostgresUrl } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { publish } from '../support/mqtt-bytes.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { openRaw } from '../support/raw-mqtt.ts'
import type { TestScope } from '../support/scope.ts'

const LARGE = 'x'.repeat(130_000)
const START = Date.now() - 600_000
const FLOOD = 64
const BATCHES = 10
/** Of all phones one fix each fits into what may wait for a subscriber that is behind: it has the newest of each in the end. */
const [PHONES, FIXES_OF_PHONE] = [6, 60]

async function deviceOf(t: TestScope, platform: RunningPlatform, sub: string) {
  const raw = await openRaw(t as never, Number(new URL(platform.mqttUrl).port))
  assert.equal((await raw.connect(await platform.token({ role: 'device', sub }), { clientId: sub })).returnCode, 0)
  const publish = (second: number, qos: 0 | 1, text = '') =>
    raw.publish(`demo/devices/${sub}/location`, fix(START + second * 1_000, { attributes: { text } }), qos)
  return { raw, publish, acknowledged: () => raw.of('puback').length }
}

/** What /metrics says, labels included in the name. */
async function metrics(platform: RunningPlatform): Promise<Map<string, number>> {
  const text = await (await fetch(`${platform.httpUrl}/metrics`)).text()
  return new Map(
    text.split('\n').map(line => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

test('past what the database stores: floods are held back, SOS and live positions go through, nothing acknowledged is lost, and it recovers', async t => {
  const url = await withPostgresUrl(t)
  if (url === undefined) return
  const platform = await startTestPlatform(t, { environment: { DATABASE_URL: url, TRACKWIRE_LIMITS: 'off' } })
  const db = new pg.Client({ connectionString: url })
  // The database goes before its connection does.
  db.on('error', () => {})
  await db.connect()
  t.after(() => db.end())
  const stored = async (deviceId: string) => {
    const sql = 'select count(*)::int as n, max(fix_time)::float8 as newest from fixes where device_id = $1'
    return (await db.query<{ n: number; newest: number }>(sql, [deviceId])).rows[0]!
  }
  const is = async (name: string, holds: (value: number) => boolean) =>
    eventually(name, async () => holds((await metrics(platform)).get(name) ?? 0))

  const desk = await platform.connect({ role: 'dispatcher', sub: 'desk' })
  const newest = new Map<string, number>()
  desk.on('message', (topic, payload) => newest.set(topic, JSON.parse(payload.toString()).timestamp))
  await desk.subscribeAsync(['demo/devices/+/location', 'demo/notifications/sos/#'], { qos: 0 })
  const [flood, flush, honest, caller] = await Promise.all(
    ['flood', 'flush', 'honest', 'caller'].map(sub => deviceOf(t, platform, sub)),
  )
  const phones = await Promise.all(Array.from({ length: PHONES }, (_, i) => deviceOf(t, platform, `phone-${i}`)))
  // Each is known, and its day has its place, before the database stands still.
  for (const device of [flood!, flush!, honest!, caller!, ...phones]) device.publish(0, 1)
  await eventually('the first fixes', () =>
    [flood!, flush!, honest!, caller!, ...phones].every(({ acknowledged }) => acknowledged() === 1),
  )
  await db.query('begin')
  await db.query('lock table fixes in access exclusive mode')

  for (let n = 1; n <= FLOOD; n += 1) flood!.publish(n, 1, LARGE)
  await is('trackwire_mqtt_connections_held', held => held === 1)
  assert.ok((await metrics(platform)).get('trackwire_mqtt_unanswered_bytes')! < 8 * 1_048_576)
  // QoS 0 is passed on however much waits; of what waits only the newest of each is kept.
  for (let n = 1; n <= FIXES_OF_PHONE; n += 1) for (const phone of phones) phone.publish(n, 0, LARGE)
  const isLive = (i: number) => newest.get(`demo/devices/phone-${i}/location`) === START + FIXES_OF_PHONE * 1_000
  await eventually('live positions', () => phones.every((_, i) => isLive(i)))
  const overloaded = await metrics(platform)
  assert.equal(overloaded.get('trackwire_ingest_overload'), 1)
  assert.ok(overloaded.get('trackwire_ingest_queue_bytes')! < 34 * 1_048_576)
  const thinned = overloaded.get('trackwire_ingest_fixes_total{result="thinned"}')!
  assert.ok(thinned > PHONES)
  const health = (await (await fetch(`${platform.httpUrl}/health`)).json()) as {
    parts: Record<'broker' | 'ingest', { overloaded: boolean }>
  }
  assert.deepEqual([health.parts.broker.overloaded, health.parts.ingest.overloaded], [true, true])

  const refused = await platform.request('/api/tracking/location', {
    role: 'device',
    sub: 'phone-0',
    body: JSON.parse(fix(START)),
  })
  assert.equal(refused.status, 503)
  assert.equal(((await refused.json()) as { code: string }).code, 'overloaded')
  assert.ok(Number(refused.headers.get('retry-after')) >= 1)

  caller!.raw.publish('demo/devices/caller/sos', JSON.stringify({ action: 'trigger', id: 's-1', timestamp: START }), 1)
  await eventually(
    'the SOS, stored and told',
    () => caller!.acknowledged() === 2 && [...newest.keys()].some(topic => /sos/.test(topic)),
  )
  await honest!.raw.ping()
  assert.equal(flood!.acknowledged(), 1)

  // Ten thousand fixes that one device had kept, then one of another.
  for (let n = 0; n < BATCHES; n += 1) {
    const batch = Array.from({ length: 1_000 }, (_, i) => fix(START - 3_600_000 + n * 1_000 + i))
    flush!.raw.publish('demo/devices/flush/location/batch', `[${batch}]`, 1)
  }
  await is('trackwire_ingest_queue_length', waiting => waiting > BATCHES * 1_000)
  honest!.publish(1, 1)
  let before: number | undefined
  honest!.raw.stream.on('data', () => {
    if (honest!.acknowledged() === 2) before ??= flush!.acknowledged() - 1
  })
  await honest!.raw.ping()
  await db.query('rollback')
  await eventually(
    'all of the floods',
    () => flood!.acknowledged() === FLOOD + 1 && flush!.acknowledged() === BATCHES + 1,
  )
  assert.equal(honest!.acknowledged(), 2)
  assert.ok(before! < BATCHES / 2, `${before} batches came before the one fix`)
  await is('trackwire_ingest_queue_length', waiting => waiting === 0)
  const after = await metrics(platform)
  for (const name of ['mqtt_overload', 'ingest_overload', 'mqtt_connections_held', 'mqtt_unanswered_bytes'])
    assert.equal(after.get(`trackwire_${name}`), 0, name)
  assert.equal((await stored('flood')).n, FLOOD + 1)
  assert.equal((await stored('flush')).n, BATCHES * 1_000 + 1)
  assert.equal((await stored('honest')).n, 2)
  let phoneFixes = 0
  for (let i = 0; i < PHONES; i += 1) {
    const { n, newest } = await stored(`phone-${i}`)
    assert.equal(newest, START + FIXES_OF_PHONE * 1_000, `the newest of phone-${i}`)
    phoneFixes += n
  }
  const thinnedInAll = after.get('trackwire_ingest_fixes_total{result="thinned"}')!
  assert.equal(phoneFixes + thinnedInAll, PHONES * (FIXES_OF_PHONE + 1))
  // Two lines when it begins and two when it ends, whatever the number of messages.
  const lines = () => platform.output().match(/"msg":"overload[^"]*/g) ?? []
  await eventually('the end is told', () => lines().length >= 4)
  assert.equal(lines().length, 4, platform.output())
})

const [TRUCKS, IN_ONE_WRITE] = [20, 200]
const SECONDS_OF_FLOOD = 60

/** So many fixes of a device as bytes, the last one of a time: made once, for whoever makes them is not to be the bottleneck. */
function fixesOf(deviceId: string): (lastMs: number) => Buffer {
  const [topic, key] = [`demo/devices/${deviceId}/location`, '"timestamp":']
  const bytes = Buffer.concat(Array.from({ length: IN_ONE_WRITE }, () => publish(0, topic, null, fix(START))))
  const timesAt: number[] = []
  for (let at = bytes.indexOf(key); at !== -1; at = bytes.indexOf(key, at + 1)) timesAt.push(at + key.length)
  assert.equal(timesAt.length, IN_ONE_WRITE)
  return lastMs => {
    for (const [i, at] of timesAt.entries()) bytes.write(String(lastMs - IN_ONE_WRITE + 1 + i), at, 'latin1')
    return Buffer.from(bytes)
  }
}

test('more fixes of QoS 0 than there is time for: positions are passed on, the newest of each is stored soon, who waits is answered, and it recovers', async t => {
  const platform = await startTestPlatform(t, { environment: { TRACKWIRE_LIMITS: 'off' } })
  const desk = await platform.connect({ role: 'dispatcher', sub: 'desk' })
  let heard = 0
  desk.on('message', () => (heard += 1))
  await desk.subscribeAsync('demo/devices/truck-0/location', { qos: 0 })
  const trucks = await Promise.all(Array.from({ length: TRUCKS }, (_, i) => deviceOf(t, platform, `truck-${i}`)))
  const honest = await deviceOf(t, platform, 'honest')
  let isOver = false
  const endMs = performance.now() + SECONDS_OF_FLOOD * 1_000
  const floods = trucks.map(async ({ raw }, i) => {
    const take = fixesOf(`truck-${i}`)
    let time = Date.now() - 1_000_000
    while (!isOver && performance.now() < endMs) {
      time += IN_ONE_WRITE
      if (raw.stream.write(take(time))) await nextTurn()
      else await once(raw.stream, 'drain')
    }
    return time
  })
  const queued = async () => (await metrics(platform)).get('trackwire_ingest_queue_length')!
  const thinned = async () => (await metrics(platform)).get('trackwire_ingest_fixes_total{result="thinned"}') ?? 0
  await eventually('overload', async () => (await thinned()) > 1_000, SECONDS_OF_FLOOD * 1_000)
  await eventually('few wait', async () => (await queued()) <= TRUCKS + 1)
  const before = heard
  honest.publish(0, 1)
  await eventually('an answer', () => honest.acknowledged() === 1)
  await eventually('positions', () => heard > before + 100)
  isOver = true
  const newest = await Promise.all(floods)
  const last = async (i: number) => {
    const answer = await platform.request(`/api/v1/devices/truck-${i}`, { role: 'admin', sub: 'root' })
    return ((await answer.json()) as { last?: { timestamp: number } }).last?.timestamp
  }
  await eventually('the newest of each', async () => {
    const stored = await Promise.all(newest.map((_, i) => last(i)))
    return stored.every((time, i) => time === newest[i])
  })
  await eventually('its end', async () => (await metrics(platform)).get('trackwire_ingest_overload') === 0, 30_000)
})
