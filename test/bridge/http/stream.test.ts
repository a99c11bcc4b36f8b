import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, describe, type TestContext, test } from 'node:test'
import type { Broker } from '../../../broker/index.ts'
import type { Principal } from '../../../contract/index.ts'
import { TrackwireError } from '../../../contract/index.ts'
import { fix, startTestBroker } from '../../support/broker.ts'
import { type EventReader, openEvents } from '../../support/event-source.ts'
import { randomOf } from '../../support/seeded-random.ts'
import { type Caller, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

interface Streaming {
  readonly broker: Broker
  readonly platform: HttpPlatform
  /** Opens a stream of these filters as somebody. */
  open(caller: Caller, filters: string, headers?: Record<string, string>, method?: string): Promise<EventReader>
  readonly url: string
}

/** The real broker and the real HTTP server on a free port. */
async function startStreaming(t: TestContext, rights?: TestRights): Promise<Streaming> {
  const { broker } = await startTestBroker(t)
  const platform = await startHttpPlatform({ live: broker, ...(rights && { rights }) })
  t.after(() => platform.close())
  await platform.app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(platform.app.server.address() as AddressInfo).port}/api/v1/stream`
  return {
    broker,
    platform,
    url,
    async open(caller, filters, headers = {}, method = 'GET') {
      const authorization = `Bearer ${await platform.token(caller)}`
      return openEvents(t, `${url}?topics=${encodeURIComponent(filters)}`, { authorization, ...headers }, method)
    },
  }
}

/** What the database would say, said by the test. */
class TestRights {
  devices: string[] | undefined
  banned = false
  readonly #listeners = new Set<(change: { org: string; sub: string | null }) => void>()

  current(issued: Principal): Principal {
    if (this.banned) throw new TrackwireError('forbidden', 'banned')
    return this.devices === undefined ? issued : { ...issued, devices: new Set(this.devices) }
  }

  async refresh(): Promise<void> {}

  onChange(listener: (change: { org: string | null; sub: string | null }) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(sub: string | null = null): void {
    for (const listener of this.#listeners) listener({ org: 'demo', sub })
  }
}

const DESK: Caller = { role: 'dispatcher', sub: 'desk' }
const ANN: Caller = { role: 'user', sub: 'ann', devices: ['truck-1'] }
const ALL = 'demo/devices/+/location'
const location = (id: string, timestamp: number) =>
  ({ topic: `demo/devices/${id}/location`, payload: fix(timestamp), qos: 1, retain: false }) as const
const status = (id: string, state = 'online') =>
  ({ topic: `demo/devices/${id}/status`, payload: `{"state":"${state}"}`, qos: 1, retain: true }) as const
const times = (reader: EventReader) => reader.of('location').map(({ data }) => data.payload!.timestamp)
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('a stream begins with what is retained, then brings what happens, in order, as MQTT would', async t => {
  const { broker, open } = await startStreaming(t)
  for (const id of ['truck-1', 'truck-2']) await broker.publish(status(id))
  await broker.publish({ topic: 'rival/devices/truck-1/status', payload: '{"state":"online"}', qos: 1, retain: true })
  const ann = await open(ANN, `demo/devices/#,demo/fences/+,demo/devices/+/status`)
  assert.equal(ann.response.statusCode, 200)
  assert.equal(ann.response.headers['content-type'], 'text/event-stream')
  assert.equal(ann.response.headers['cache-control'], 'no-store, no-transform')
  const ready = await ann.next('ready')
  assert.deepEqual(ann.events[0], {
    event: 'status',
    id: undefined,
    data: { topic: 'demo/devices/truck-1/status', payload: { state: 'online' } },
  })
  assert.deepEqual(ready.data, { resumed: false })
  for (const at of range(1, 50)) for (const id of ['truck-1', 'truck-2']) await broker.publish(location(id, at))
  await broker.publish({ topic: 'demo/fences/home', payload: '{\r\n"type": "Feature"\n}', qos: 1, retain: true })
  await broker.publish({ topic: 'demo/fences/home', payload: '', qos: 1, retain: true })
  await ann.find('the cleared fence', ({ data }) => data.payload === null)
  assert.deepEqual(times(ann), range(1, 50))
  assert.deepEqual(
    ann.of('fence').map(({ data }) => data.payload),
    [{ type: 'Feature' }, null],
  )
  const ids = ann.events.filter(({ id }) => id !== undefined).map(({ id }) => Number(id!.split('-')[1]))
  assert.deepEqual(
    ids,
    [...ids].sort((a, b) => a - b),
  )
  assert.ok(ann.events.every(({ data }) => !String(data.topic).includes('truck-2')))
})

test('a stream that is cut at any moment goes on without loss or repeat', async t => {
  const { broker, open } = await startStreaming(t)
  const random = randomOf(7)
  const heard: unknown[] = []
  let reader = await open(DESK, ALL)
  await reader.next('ready')
  let sent = 0
  for (let cut = 0; cut < 12; cut++) {
    for (let i = Math.floor(random() * 60); i >= 0; i--) await broker.publish(location('truck-1', ++sent))
    // Whatever came until now is all that this client knows of.
    if (random() < 0.5) await reader.until('some', () => times(reader).length > 0)
    const { lastEventId } = reader
    heard.push(...times(reader))
    reader.cut()
    for (let i = Math.floor(random() * 60); i >= 0; i--) await broker.publish(location('truck-1', ++sent))
    reader = await open(DESK, ALL, { 'last-event-id': lastEventId! })
    assert.deepEqual((await reader.next('ready')).data, { resumed: true })
  }
  await broker.publish(location('truck-1', ++sent))
  await reader.find('the last one', ({ data }) => data.payload?.timestamp === sent)
  heard.push(...times(reader))
  assert.deepEqual(heard, range(1, sent))
})

test('an id of another process, one that was overrun and one that is none: a gap is told, then what is retained comes', async t => {
  const { broker, open, url, platform } = await startStreaming(t)
  const first = await open(DESK, 'demo/#,demo/devices/#')
  const { id } = await first.next('ready')
  await broker.publish(status('truck-1'))
  await first.next('status')
  first.cut()
  for (const stale of [`00${id}`, `${id!.split('-')[0]}-99`, 'nonsense', `${id}x`]) {
    const reader = await open(DESK, 'demo/devices/#', { 'last-event-id': stale })
    await reader.next('ready')
    assert.deepEqual(
      reader.events.map(({ event }) => event),
      ['gap', 'status', 'ready'],
    )
    reader.cut()
  }
  // More than is kept.
  const payload = JSON.stringify({ type: 'Feature', name: 'x'.repeat(250_000) })
  for (const i of range(1, 140)) await broker.publish({ topic: 'demo/fences/big', payload, qos: 1, retain: i === 0 })
  const token = await platform.token(DESK)
  const query = `${url}?topics=demo/devices/%2B/status&topics=${encodeURIComponent(ALL)}&lastEventId=${id}`
  const late = await openEvents(t, query, { authorization: `Bearer ${token}` })
  await late.next('ready')
  assert.deepEqual(
    late.events.map(({ event }) => event),
    ['gap', 'status', 'ready'],
  )
})

test('a client that does not read holds up nobody; far behind it gets the newest positions and every alert, too far it is ended', async t => {
  const { broker, open } = await startStreaming(t)
  const slow = await open(DESK, 'demo/devices/#,demo/notifications/#,demo/fences/#')
  await slow.next('ready')
  slow.response.pause()
  const quick = await open(DESK, 'demo/devices/+/location')
  await quick.next('ready')
  const filler = JSON.stringify({ ...JSON.parse(fix(1)), attributes: { text: 'x'.repeat(4_000) } })
  for (const i of range(1, 4_000)) {
    await broker.publish({ topic: `demo/devices/truck-${i % 10}/location`, payload: filler, qos: 0, retain: false })
    if (i % 100 !== 0) continue
    const topic = 'demo/notifications/sos/triggered/truck-1'
    await broker.publish({ topic, payload: `{"at":${i}}`, qos: 1, retain: false })
    await quick.until('all so far', () => quick.of('location').length === i)
  }
  slow.response.resume()
  await slow.find('the last alert', ({ data }) => data.payload?.at === 4_000)
  const alerts = slow.of('sosNotification').map(({ data }) => data.payload!.at)
  assert.deepEqual(
    alerts,
    range(1, 40).map(i => i * 100),
  )
  assert.ok(slow.of('location').length < 3_500, `${slow.of('location').length} positions`)
  slow.response.pause()
  const payload = JSON.stringify({ type: 'Feature', name: 'x'.repeat(250_000) })
  for (const _ of range(1, 200)) await broker.publish({ topic: 'demo/fences/big', payload, qos: 1, retain: false })
  slow.response.resume()
  await slow.until('the end', () => slow.isEnded)
  assert.match(slow.text, /: read too slowly; connect again\n\n$/)
  assert.equal(quick.isEnded, false)
})

test('changed rights hold at once: what is lost is told, what is gained is shown, a ban ends the stream', async t => {
  const rights = new TestRights()
  const { broker, open } = await startStreaming(t, rights)
  for (const id of ['truck-1', 'truck-2']) await broker.publish(status(id))
  const ann = await open(ANN, 'demo/devices/+/status,demo/devices/truck-1/location')
  const other = await open({ ...ANN, sub: 'bob' }, 'demo/devices/truck-1/location')
  await Promise.all([ann.next('ready'), other.next('ready')])
  rights.devices = ['truck-2']
  rights.tell('ann')
  const lost = await ann.next('error')
  assert.equal(lost.data.code, 'subscribe_forbidden')
  assert.equal(lost.data.topic, 'demo/devices/truck-1/location')
  await ann.find('the newly visible', ({ data }) => data.topic === 'demo/devices/truck-2/status')
  await broker.publish(location('truck-1', 1))
  await broker.publish(status('truck-1', 'idle'))
  await broker.publish(status('truck-2', 'idle'))
  await ann.find('the change', ({ data }) => data.payload?.state === 'idle')
  assert.deepEqual(
    ann.of('status').map(({ data }) => data.topic),
    [1, 2, 2].map(i => `demo/devices/truck-${i}/status`),
  )
  await other.next('location')
  rights.banned = true
  rights.tell()
  await ann.until('the end', () => ann.isEnded)
  assert.equal(ann.events.at(-1)!.data.code, 'forbidden')
  await other.until('the end', () => other.isEnded)
})

test('a token that expires ends the stream', async t => {
  const { platform, url } = await startStreaming(t)
  const token = await platform.tokens.mint({ sub: 'ann', org: 'demo', role: 'user', ttlSeconds: 2 })
  const reader = await openEvents(t, `${url}?topics=demo/fences/%2B`, { authorization: `Bearer ${token}` })
  await reader.until('the end', () => reader.isEnded)
  assert.equal(reader.events.at(-1)!.data.code, 'token_expired')
})

test('streams end when the platform stops, and it need not wait for them', async t => {
  const { platform, open } = await startStreaming(t)
  const reader = await open(DESK, ALL)
  await reader.next('ready')
  await platform.app.close()
  await reader.until('the end', () => reader.isEnded)
})

test('a principal holds ten streams; one that ends makes room', async t => {
  const { open } = await startStreaming(t)
  const readers = await Promise.all(range(1, 10).map(() => open(DESK, ALL)))
  const refused = await open(DESK, ALL)
  assert.equal(refused.response.statusCode, 429)
  await refused.until('the problem', () => refused.text.includes('stream_limit'))
  assert.equal((await open(ANN, ALL)).response.statusCode, 200)
  readers[0]!.cut()
  let status: number | undefined
  for (let i = 0; i < 100 && status !== 200; i++) status = (await open(DESK, ALL)).response.statusCode
  assert.equal(status, 200)
})

test('one filter of several that is refused is told in the stream', async t => {
  const { open } = await startStreaming(t)
  const reader = await open(ANN, `${ALL},rival/#,#`)
  await reader.next('ready')
  assert.deepEqual(
    reader.of('error').map(({ data }) => data.topic),
    ['rival/#', '#'],
  )
})

test('HEAD has the headers alone', async t => {
  const { open } = await startStreaming(t)
  const reader = await open(DESK, ALL, {}, 'HEAD')
  assert.equal(reader.response.statusCode, 200)
  assert.equal(reader.response.headers['content-type'], 'text/event-stream')
  await reader.until('the end', () => reader.isEnded)
})

describe('refused from the start', () => {
  const platform = startHttpPlatform()
  after(async () => (await platform).close())
  for (const [what, query, status, code] of [
    ['no filter', '', 400, 'request_invalid'],
    ['an empty filter', '?topics=', 400, 'request_invalid'],
    ['a filter that is none', '?topics=demo/a%23', 400, 'topic_invalid'],
    ['one filter of two that is none', `?topics=demo/devices/%23,demo/%23/x`, 400, 'topic_invalid'],
    ['a filter of another organisation', '?topics=rival/%23', 403, 'subscribe_forbidden'],
    ['everything', '?topics=%23', 403, 'subscribe_forbidden'],
    ['101 filters', `?topics=${'demo/fences/a,'.repeat(101)}b`, 400, 'request_invalid'],
    ['a parameter that is not known', '?topics=demo/devices/%23&qos=1', 400, 'request_invalid'],
    ['the id twice', '?topics=demo/devices/%23&lastEventId=a&lastEventId=b', 400, 'request_invalid'],
  ] as const) {
    test(`${what} is refused`, async () => {
      const answer = await (await platform).call('GET', `/api/v1/stream${query}`, { caller: DESK })
      assert.equal(answer.status, status)
      assert.equal(answer.body.code, code)
    })
  }
})

test('who follows more than before comes back with what is new in `fresh`: its present, nothing from before, the rest exactly', async t => {
  const { broker, open, url, platform } = await startStreaming(t)
  await broker.publish(status('truck-1'))
  const first = await open(DESK, ALL)
  await first.next('ready')
  await broker.publish(location('truck-1', 1))
  await first.find('the fix', ({ data }) => data.payload?.timestamp === 1)
  first.cut()
  await broker.publish(location('truck-1', 2))
  await broker.publish(status('truck-1', 'idle'))
  await broker.publish(location('truck-1', 3))
  const statuses = 'demo/devices/+/status'
  const query = `?topics=${encodeURIComponent(`${ALL},${statuses}`)}&fresh=${encodeURIComponent(statuses)}`
  const authorization = `Bearer ${await platform.token(DESK)}`
  const again = await openEvents(t, `${url}${query}`, { authorization, 'last-event-id': first.lastEventId! })
  await again.find('the last fix', ({ data }) => data.payload?.timestamp === 3)
  await broker.publish(status('truck-1', 'online'))
  await again.find('the new status', ({ data }) => data.payload?.state === 'online')
  assert.deepEqual(
    again.events.map(({ event, data }) => data.payload?.state ?? data.payload?.timestamp ?? event),
    ['idle', 'ready', 2, 3, 'online'],
  )
})
