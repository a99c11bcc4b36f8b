import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { payloadInView } from '../../bridge/index.ts'
import type { ShareGate } from '../../broker/index.ts'
import { SYSTEM_CLOCK } from '../../broker/index.ts'
import { type ShareScope, snapToGrid, TrackwireError } from '../../contract/index.ts'
import { fix, metric, mint, startTestBroker, type TestBroker } from '../support/broker.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const REFUSED = 0x80
const FROM = Date.now()
const SCOPE: ShareScope = { devices: ['truck-7'], from: FROM, until: FROM + 3_600_000 }
const VIEWER: Who = { role: 'user', sub: 'guest' }
const ERRORS = 'demo/users/guest/errors'

/** The real view of share links; their ends are the test's to tell. */
function shareGate(): ShareGate & { end(refusal: TrackwireError): void; readonly watched: number } {
  const watching = new Set<(refusal: TrackwireError) => void>()
  return {
    view: payloadInView,
    watch(_org, _share, ended) {
      watching.add(ended)
      return () => watching.delete(ended)
    },
    end(refusal) {
      for (const ended of watching) ended(refusal)
    },
    get watched() {
      return watching.size
    },
  }
}

async function viewer(
  t: TestContext,
  { port }: TestBroker,
  scope: Partial<ShareScope> = {},
  more: { clientId?: string; clean?: boolean } = {},
): Promise<RawClient> {
  const raw = await openRaw(t, port)
  const { returnCode } = await raw.connect(await mint({ ...VIEWER, scope: { ...SCOPE, ...scope } }), more)
  assert.equal(returnCode, 0)
  return raw
}

const location = (deviceId: string, timestamp = FROM + 1, more = {}) =>
  ({ topic: `demo/devices/${deviceId}/location`, payload: fix(timestamp, more), qos: 1, retain: false }) as const
const payloads = (raw: RawClient) =>
  raw
    .of('publish')
    .filter(({ topic }) => topic !== ERRORS)
    .map(({ payload }) => JSON.parse(payload.toString()))

test('a viewer gets the positions of its devices, live and retained, without what else the device says', async t => {
  const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => FROM + 10 } })
  const private_ = { userId: 'ann', metadata: { battery: 3 }, attributes: { cargo: 'gold' } }
  const last = { topic: 'demo/devices/truck-7/last', payload: fix(FROM + 1, private_), qos: 0, retain: true } as const
  await running.broker.publish(last)
  await running.broker.publish({ ...last, topic: 'demo/devices/truck-8/last' })
  const status = { state: 'online', since: FROM + 1, battery: 3, connection: 'mqtt/tcp' }
  await running.broker.publish({
    topic: 'demo/devices/truck-7/status',
    payload: JSON.stringify(status),
    qos: 1,
    retain: true,
  })
  const raw = await viewer(t, running)
  const granted = await raw.subscribe('demo/devices/+/last', 'demo/devices/+/location', 'demo/devices/truck-7/status')
  assert.ok(granted.every(code => code !== REFUSED))
  await raw.until('the retained ones', () => payloads(raw).length === 2)
  await running.broker.publish(location('truck-8'))
  await running.broker.publish(location('truck-7', FROM + 2, private_))
  await raw.until('the live one', () => payloads(raw).length === 3)
  await raw.ping()
  const place = { lat: 41.15, lng: -8.61 }
  assert.deepEqual(
    payloads(raw).sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0)),
    [
      { state: 'online', since: FROM + 1 },
      { deviceId: 'truck-7', timestamp: FROM + 1, location: place },
      { deviceId: 'truck-7', timestamp: FROM + 2, location: place },
    ],
  )
})

test('the others who listen to the same topic get all of the message', async t => {
  const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => FROM + 10 } })
  const raw = await viewer(t, running, { precisionMeters: 1_000 })
  await raw.subscribe('demo/devices/truck-7/location')
  const desk = await openRaw(t, running.port)
  await desk.connect(await mint({ role: 'dispatcher', sub: 'desk' }))
  await desk.subscribe('demo/devices/+/location')
  const sent = location('truck-7', FROM + 1, { attributes: { cargo: 'gold' } })
  await running.broker.publish(sent)
  await raw.next('publish')
  assert.equal((await desk.next('publish')).payload.toString(), sent.payload)
})

for (const clean of [true, false]) {
  test(`rounded: every message of a ${clean ? 'clean' : 'stored'} session, also what was queued while it was away`, async t => {
    const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => FROM + 10 } })
    const narrow = { precisionMeters: 5_000 }
    const first = await viewer(t, running, narrow, { clean })
    await first.subscribe('demo/devices/truck-7/location')
    await running.broker.publish(location('truck-7'))
    await first.next('publish')
    // It goes without a PUBACK: a stored session is sent this one again.
    first.send({ cmd: 'disconnect' })
    await first.closed()
    await running.broker.publish(location('truck-7', FROM + 2))
    const second = await viewer(t, running, narrow, { clean })
    if (clean) await second.subscribe('demo/devices/truck-7/location')
    await running.broker.publish(location('truck-7', FROM + 3))
    const expected = clean ? 1 : 3
    await second.until('what it missed', () => payloads(second).length >= expected)
    await second.ping()
    const rounded = snapToGrid({ lat: 41.15, lng: -8.61 }, 5_000)
    for (const seen of [...payloads(first), ...payloads(second)]) {
      assert.deepEqual(seen.location, rounded)
    }
  })
}

test('what was queued for a stored session is withheld when the window does not hold it', async t => {
  let nowMs = FROM + 10
  const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => nowMs } })
  const first = await viewer(t, running, {}, { clean: false })
  await first.subscribe('demo/devices/truck-7/location')
  first.send({ cmd: 'disconnect' })
  await first.closed()
  await running.broker.publish(location('truck-7', FROM - 5))
  await running.broker.publish(location('truck-7', FROM + 5))
  const second = await viewer(t, running, {}, { clean: false })
  await second.until('the one in the window', () => payloads(second).length === 1)
  await second.ping()
  assert.deepEqual(
    payloads(second).map(({ timestamp }) => timestamp),
    [FROM + 5],
  )
  nowMs = FROM - 1
  await running.broker.publish(location('truck-7', FROM + 6))
  await second.ping()
  assert.equal(payloads(second).length, 1)
})

test('window edges by the clock: nothing before from, all until the last millisecond, nothing at until', async t => {
  let nowMs = FROM - 1
  const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => nowMs } })
  const raw = await viewer(t, running)
  await raw.subscribe('demo/devices/truck-7/location', 'demo/devices/truck-7/status')
  const at = async (timeMs: number) => {
    nowMs = timeMs
    await running.broker.publish(location('truck-7', FROM + 1))
    await running.broker.publish({
      topic: 'demo/devices/truck-7/status',
      payload: '{"state":"online"}',
      qos: 1,
      retain: true,
    })
    await raw.ping()
    return payloads(raw).length
  }
  assert.equal(await at(FROM - 1), 0)
  assert.equal(await at(FROM), 2)
  assert.equal(await at(SCOPE.until - 1), 4)
  assert.equal(await at(SCOPE.until), 4)
})

test('outside of its area nothing comes, not even what is retained', async t => {
  const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => FROM + 10 } })
  const outside = { location: { lat: 48, lng: 11 } }
  await running.broker.publish({
    topic: 'demo/devices/truck-7/last',
    payload: fix(FROM + 1, outside),
    qos: 0,
    retain: true,
  })
  const raw = await viewer(t, running, { area: [-9, 41, -8, 42] })
  await raw.subscribe('demo/devices/truck-7/last', 'demo/devices/truck-7/location')
  await running.broker.publish(location('truck-7', FROM + 2, outside))
  await running.broker.publish(location('truck-7', FROM + 3))
  await raw.next('publish')
  await raw.ping()
  assert.deepEqual(
    payloads(raw).map(({ timestamp }) => timestamp),
    [FROM + 3],
  )
})

test('a viewer may not publish anything, nor subscribe to more than it is shown', async t => {
  const running = await startTestBroker(t, { shares: shareGate() })
  const raw = await viewer(t, running)
  await raw.subscribe(ERRORS)
  assert.deepEqual(
    await raw.subscribe('demo/devices/truck-8/location', 'demo/devices/truck-7/#', 'demo/#', 'demo/fences/+', '#'),
    Array(5).fill(REFUSED),
  )
  for (const topic of ['location', 'status', 'sos']) {
    raw.publish(`demo/devices/truck-7/${topic}`, topic === 'location' ? fix() : '{"state":"online"}', 1)
  }
  await raw.until('what was refused', () =>
    ['location', 'status', 'sos'].every(topic =>
      raw.of('publish').some(({ payload }) => {
        const notice = JSON.parse(payload.toString())
        return notice.code === 'publish_forbidden' && notice.topic === `demo/devices/truck-7/${topic}`
      }),
    ),
  )
  assert.deepEqual(running.work.calls, [])
})

test('a viewer is no device: it neither says that it is online nor leaves a will', async t => {
  const running = await startTestBroker(t, { shares: shareGate() })
  const desk = await openRaw(t, running.port)
  await desk.connect(await mint({ role: 'dispatcher', sub: 'desk' }))
  await desk.subscribe('demo/devices/+/status')
  const raw = await openRaw(t, running.port)
  const token = await mint({ role: 'device', sub: 'truck-7', scope: SCOPE })
  assert.equal((await raw.connect(token)).returnCode, 0)
  const other = await openRaw(t, running.port)
  const will = {
    topic: 'demo/devices/truck-7/status',
    payload: Buffer.from('{"state":"offline"}'),
    qos: 1 as const,
    retain: true,
  }
  assert.equal((await other.connect(token, { will, clientId: 'other' })).returnCode, 5)
  await raw.ping()
  await desk.ping()
  assert.deepEqual(desk.of('publish'), [])
})

const wider: [what: string, more: Partial<Who>][] = [
  ['no scope at all', {}],
  ['another device', { scope: { ...SCOPE, devices: ['truck-8'] } }],
  ['a later end', { scope: { ...SCOPE, until: SCOPE.until + 1 } }],
  ['a history', { scope: { ...SCOPE, history: true } }],
]
for (const [what, more] of wider) {
  test(`$auth/token with ${what} is refused, and the viewer keeps what it had`, async t => {
    const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => FROM + 10 } })
    const raw = await viewer(t, running)
    await raw.subscribe(ERRORS, 'demo/devices/truck-7/location')
    raw.publish('$auth/token', await mint({ ...VIEWER, ...more }), 1)
    const notice = await raw.find('publish', ({ topic }) => topic === ERRORS)
    assert.equal(JSON.parse(notice.payload.toString()).code, 'token_invalid')
    assert.deepEqual(await raw.subscribe('demo/devices/truck-8/location'), [REFUSED])
    await running.broker.publish(location('truck-7'))
    await raw.find('publish', ({ topic }) => topic.endsWith('location'))
  })
}

test('$auth/token of the same opening of a link renews it, also with a later end', async t => {
  let nowMs = FROM + 10
  const running = await startTestBroker(t, { shares: shareGate(), clock: { ...SYSTEM_CLOCK, now: () => nowMs } })
  const opened = { ...SCOPE, link: 'l1', view: 'v1' }
  const raw = await viewer(t, running, opened)
  await raw.subscribe('demo/devices/truck-7/location')
  const later = { ...opened, until: SCOPE.until + 60_000 }
  const messageId = raw.publish('$auth/token', await mint({ ...VIEWER, scope: later }), 1)
  await raw.find('puback', packet => packet.messageId === messageId)
  nowMs = SCOPE.until
  await running.broker.publish(location('truck-7', SCOPE.until))
  await raw.next('publish')
  assert.deepEqual(
    payloads(raw).map(({ timestamp }) => timestamp),
    [SCOPE.until],
  )
})

test('a link that ends is told to whoever looks on, and their connection ends', async t => {
  const shares = shareGate()
  const running = await startTestBroker(t, { shares })
  const raw = await viewer(t, running, { link: 'l1' })
  await raw.subscribe(ERRORS)
  assert.equal(shares.watched, 1)
  shares.end(new TrackwireError('share_ended', 'this share link was revoked'))
  await raw.closed()
  const notice = JSON.parse(raw.of('publish').at(-1)!.payload.toString())
  assert.equal(notice.code, 'share_ended')
  assert.match(notice.message, /revoked/)
  const next = await viewer(t, running, { link: 'l1' })
  next.send({ cmd: 'disconnect' })
  await next.closed()
  await (await viewer(t, running)).ping()
  assert.equal(shares.watched, 1, 'who has left is not watched any more')
})

test('the connection ends when the window does', async t => {
  const running = await startTestBroker(t, { shares: shareGate() })
  const raw = await viewer(t, running, { from: 0, until: Date.now() + 2_500 })
  await raw.subscribe(ERRORS)
  await raw.closed()
  assert.equal(JSON.parse(raw.of('publish').at(-1)!.payload.toString()).code, 'token_expired')
  const late = await openRaw(t, running.port)
  const token = await mint({ ...VIEWER, scope: { ...SCOPE, from: 0, until: 5_000 } })
  assert.equal((await late.connect(token)).returnCode, 4)
  assert.equal(await metric(running.registry, 'trackwire_mqtt_connects_refused_total', { reason: 'token_expired' }), 1)
})

test('a broker that knows no share links shows a viewer nothing', async t => {
  const running = await startTestBroker(t)
  const raw = await viewer(t, running)
  await raw.subscribe('demo/devices/truck-7/location')
  await running.broker.publish(location('truck-7'))
  await raw.ping()
  assert.deepEqual(raw.of('publish'), [])
})
