import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ClassicLevel } from 'classic-level'
import { fix, mint, startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { TestRights } from '../support/live-rights.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import { temporaryFolder } from '../support/scope.ts'
import type { Who } from '../support/who.ts'

const USER: Who = { role: 'user', sub: 'ann', devices: ['truck-7'] }
const DAY_MS = 86_400_000

const topics = (raw: RawClient) => raw.of('publish').map(({ topic }) => topic)
const location = (id: string) => `demo/devices/${id}/location`

async function resumed(
  t: TestContext,
  { port }: Pick<TestBroker, 'port'>,
  who: Who = USER,
): Promise<RawClient & { present: boolean | undefined }> {
  const raw = await openRaw(t, port)
  const connack = await raw.connect(await mint(who), { clean: false, clientId: 'app' })
  assert.equal(connack.returnCode, 0)
  return Object.assign(raw, { present: connack.sessionPresent })
}

async function leave(raw: RawClient): Promise<void> {
  raw.send({ cmd: 'disconnect' })
  await raw.closed()
}

/** A session with this filter that nobody is connected to. */
async function left(t: TestContext, running: Pick<TestBroker, 'port'>, filter: string, who: Who = USER): Promise<void> {
  const raw = await resumed(t, running, who)
  assert.deepEqual(await raw.subscribe(filter), [1])
  await leave(raw)
}

async function publishAll({ broker }: Pick<TestBroker, 'broker'>, ...ids: string[]): Promise<void> {
  for (const id of ids) await broker.publish({ topic: location(id), payload: fix(), qos: 1, retain: false })
}

/** Topics of what waits in the store, read from the files once the broker is closed. */
async function queuedIn(dataDirectory: string): Promise<string[]> {
  const db = new ClassicLevel<string, Buffer>(`${dataDirectory}/broker`, { valueEncoding: 'buffer' })
  const found: string[] = []
  for await (const value of db.values({ gte: 'outgoing:', lt: 'outgoing;' })) {
    found.push(/demo\/devices\/([\w-]+)\/location/.exec(value.toString('latin1'))![1]!)
  }
  await db.close()
  return found
}

async function keysIn(dataDirectory: string): Promise<string[]> {
  const db = new ClassicLevel<string, Buffer>(`${dataDirectory}/broker`)
  const keys = (await db.keys().all()).filter(key => !key.startsWith('retained:'))
  await db.close()
  return keys
}

async function started(t: TestContext, options: TestBrokerOptions = {}): Promise<TestBroker & { rights: TestRights }> {
  const rights = new TestRights()
  return { ...(await startTestBroker(t, { rights, ...options })), rights }
}

test('only what its principal may see is queued for a session with a wildcard, not the whole fleet', async t => {
  const running = await started(t)
  await left(t, running, 'demo/devices/+/location')
  await publishAll(running, 'truck-7', 'truck-8', 'truck-9')
  await running.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['truck-7'])
})

test('a session that stands is queued no more than one that was left', async t => {
  const running = await started(t)
  const user = await resumed(t, running)
  await user.subscribe('demo/devices/+/location')
  await publishAll(running, 'truck-8', 'truck-7')
  await user.next('publish')
  await running.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['truck-7'])
})

test('grants and role reach a session that was left at once, both ways', async t => {
  const running = await started(t)
  const { rights } = running
  await left(t, running, 'demo/devices/+/location')
  rights.grant('ann', 'truck-8')
  await publishAll(running, 'truck-7', 'truck-8', 'truck-9')
  rights.grant('ann', 'truck-9')
  await publishAll(running, 'truck-8', 'truck-9')
  rights.setRole('ann', 'dispatcher')
  await publishAll(running, 'truck-10')
  rights.setRole('ann', 'user')
  await publishAll(running, 'truck-10')
  await running.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['truck-7', 'truck-8', 'truck-9', 'truck-10'])
})

test('what was queued under a right that is gone when the session is resumed is not delivered', async t => {
  const running = await started(t)
  running.rights.grant('ann', 'truck-8')
  await left(t, running, 'demo/devices/+/location')
  await publishAll(running, 'truck-8', 'truck-7')
  running.rights.grant('ann')
  const user = await resumed(t, running)
  await user.next('publish')
  await user.ping()
  assert.deepEqual(topics(user), [location('truck-7')])
})

test('a right that is gone while messages wait for their turn: they are not delivered, nor hold up what comes behind them', async t => {
  const running = await started(t)
  running.rights.grant('ann', 'truck-8')
  const user = await resumed(t, running)
  await user.subscribe('demo/devices/+/location')
  const ids = [...Array(64).fill('truck-7'), ...Array(70).fill('truck-8'), ...Array(10).fill('truck-7')]
  await publishAll(running, ...ids)
  await user.until('those in flight', () => topics(user).length === 64)
  running.rights.grant('ann')
  await user.ping()
  user.acknowledge()
  await user.until('the rest', () => topics(user).length === 74)
  await user.ping()
  assert.deepEqual(topics(user), Array(74).fill(location('truck-7')))
  await leave(user)
  await running.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), [])
})

for (const code of ['principal_banned', 'token_revoked'] as const) {
  test(`${code}: nothing is queued meanwhile; what waited before is there when it is taken back`, async t => {
    const running = await started(t)
    await left(t, running, 'demo/devices/+/location')
    await publishAll(running, 'truck-7')
    running.rights.refuse('ann', code)
    await publishAll(running, 'truck-7', 'truck-7')
    running.rights.refuse('ann', null)
    const user = await resumed(t, running)
    await user.next('publish')
    await user.ping()
    assert.deepEqual(topics(user), [location('truck-7')])
  })
}

test('a principal that is banned while its session stands: nothing is queued for it from then on', async t => {
  const running = await started(t)
  const user = await resumed(t, running)
  await user.subscribe('demo/devices/+/location')
  running.rights.refuse('ann', 'principal_banned')
  await publishAll(running, 'truck-7')
  await user.closed()
  await publishAll(running, 'truck-7')
  await running.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), [])
})

test('the rules of an acl claim hold for a session that was left, with its own client id and user name', async t => {
  const running = await started(t)
  const acl = [
    { permission: 'deny', action: 'subscribe', topic: 'demo/devices/secret/#' },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholder of the acl claim
    { permission: 'allow', action: 'subscribe', topic: 'demo/devices/${clientid}/location' },
  ] as const
  await left(t, running, 'demo/devices/+/location', { ...USER, devices: ['secret'], acl: [...acl] })
  await publishAll(running, 'secret', 'truck-7', 'app')
  await running.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['app'])
})

test('a renewed token counts for the session too, when its connection has ended', async t => {
  const running = await started(t)
  const user = await resumed(t, running)
  await user.subscribe('demo/devices/+/location')
  user.publish('$auth/token', await mint({ ...USER, devices: ['truck-8'] }), 1)
  await user.next('puback')
  await leave(user)
  await publishAll(running, 'truck-7', 'truck-8')
  const again = await running.restart()
  await publishAll(again, 'truck-7', 'truck-8')
  await again.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['truck-8', 'truck-8'])
})

test('a token that expired while the session was left takes nothing away, after a restart neither', async t => {
  const clock = new FakeClock(Date.now())
  const running = await started(t, { clock })
  await left(t, running, 'demo/devices/+/location', { ...USER, ttlSeconds: 60 })
  clock.advance(2 * DAY_MS)
  await publishAll(running, 'truck-7', 'truck-8')
  const again = await running.restart()
  await publishAll(again, 'truck-7', 'truck-8')
  await again.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['truck-7', 'truck-7'])
})

test('rights that changed while the broker was away are in force from its first message on', async t => {
  const running = await started(t)
  running.rights.grant('ann', 'truck-8')
  await left(t, running, 'demo/devices/+/location')
  const rights = new TestRights()
  rights.grant('ann', 'truck-9')
  const again = await running.restart({ rights })
  await publishAll(again, 'truck-7', 'truck-8', 'truck-9')
  await again.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['truck-7', 'truck-9'])
})

test('kill -9: the session is whose it was', async t => {
  const dataDirectory = await temporaryFolder(t)
  const child = fork(fileURLToPath(new URL('../support/broker-process.js', import.meta.url)), [dataDirectory])
  t.after(() => {
    child.kill('SIGKILL')
  })
  const [port] = (await once(child, 'message')) as [number]
  const user = await resumed(t, { port })
  await user.subscribe('demo/devices/+/location')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const running = await started(t, { dataDirectory })
  await publishAll(running, 'truck-8', 'truck-7')
  running.rights.refuse('ann', 'principal_banned')
  await publishAll(running, 'truck-7')
  running.rights.refuse('ann', null)
  const again = await resumed(t, running)
  assert.equal(again.present, true)
  await again.next('publish')
  await again.ping()
  assert.deepEqual(topics(again), [location('truck-7')])
})

test('a session of a version that stored no claims is queued nothing until its client is back', async t => {
  const running = await started(t)
  await left(t, running, 'demo/devices/+/location')
  await running.broker.close()
  const db = new ClassicLevel(`${running.dataDirectory}/broker`)
  const owners = (await db.keys().all()).filter(key => key.startsWith('session:'))
  assert.equal(owners.length, 1)
  await db.batch(owners.map(key => ({ type: 'del', key })))
  await db.close()
  const again = await running.restart()
  await publishAll(again, 'truck-7')
  const user = await resumed(t, again)
  assert.equal(user.present, true)
  await leave(user)
  await publishAll(again, 'truck-7')
  await again.broker.close()
  assert.deepEqual(await queuedIn(running.dataDirectory), ['truck-7'])
})

test('a session that nobody comes back to for seven days is deleted with all that waits for it', async t => {
  const clock = new FakeClock(Date.now())
  const week: Who = { ...USER, ttlSeconds: 30 * 86_400 }
  const running = await started(t, { clock })
  await left(t, running, 'demo/devices/+/location', week)
  await publishAll(running, 'truck-7', 'truck-7')
  clock.advance(6 * DAY_MS)
  const back = await resumed(t, running, week)
  assert.equal(back.present, true)
  await back.until('what waited', () => topics(back).length === 2)
  await leave(back)
  await publishAll(running, 'truck-7')
  while (running.broker.connectionCount > 0) await new Promise(setImmediate)
  clock.advance(6 * DAY_MS)
  assert.equal(running.broker.state().sessions, 1)
  // The hour in which it is looked at is counted from the start.
  for (let hour = 0; hour < 26; hour++) {
    clock.advance(3_600_000)
    await new Promise(setImmediate)
  }
  const late = await resumed(t, running, week)
  assert.equal(late.present, false)
  await late.ping()
  assert.deepEqual(topics(late), [])
  await leave(late)
  await running.broker.close()
  assert.deepEqual(await keysIn(running.dataDirectory), [])
})

test('a session with nothing in it takes no room in the store, and is forgotten after seven days like any other', async t => {
  const clock = new FakeClock(Date.now())
  const month: Who = { ...USER, ttlSeconds: 30 * 86_400 }
  const running = await started(t, { clock })
  await leave(await resumed(t, running, month))
  const back = await resumed(t, running, month)
  assert.equal(back.present, true)
  await leave(back)
  while (running.broker.connectionCount > 0) await new Promise(setImmediate)
  for (let hour = 0; hour < 7 * 24 + 2; hour++) {
    assert.equal(running.broker.state().sessions, hour > 7 * 24 ? 0 : 1, `${hour} h`)
    clock.advance(3_600_000)
    await new Promise(setImmediate)
  }
  assert.equal((await resumed(t, running, month)).present, false)
  await running.broker.close()
  assert.deepEqual(await keysIn(running.dataDirectory), [])
})

test('a clean session takes the stored one with it, and leaves nothing in the store', async t => {
  const running = await started(t)
  await left(t, running, 'demo/devices/+/location')
  await publishAll(running, 'truck-7')
  const raw = await openRaw(t, running.port)
  await raw.connect(await mint(USER), { clean: true, clientId: 'app' })
  await raw.ping()
  await leave(raw)
  await publishAll(running, 'truck-7')
  await running.broker.close()
  assert.deepEqual(await keysIn(running.dataDirectory), [])
})

test('sessions of a whole organisation are looked at after a change of it, those of others are not', async t => {
  const running = await started(t)
  await left(t, running, 'demo/devices/+/location')
  await left(t, running, 'rival/devices/+/location', { ...USER, org: 'rival' })
  running.rights.current = issued => ({ ...issued, devices: new Set(['truck-8']) })
  running.rights.changed(null, 'demo')
  await publishAll(running, 'truck-7', 'truck-8')
  for (const id of ['truck-7', 'truck-8']) {
    await running.broker.publish({ topic: `rival/devices/${id}/location`, payload: fix(), qos: 1, retain: false })
  }
  await running.broker.close()
  const db = new ClassicLevel<string, Buffer>(`${running.dataDirectory}/broker`, { valueEncoding: 'buffer' })
  const values = await db.values({ gte: 'outgoing:', lt: 'outgoing;' }).all()
  await db.close()
  const queued = values.map(value => /(demo|rival)\/devices\/[\w-]+/.exec(value.toString('latin1'))![0])
  assert.deepEqual(queued.sort(), ['demo/devices/truck-8', 'rival/devices/truck-7'])
})
