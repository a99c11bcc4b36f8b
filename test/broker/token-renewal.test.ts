import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { IConnectPacket } from 'mqtt-packet'
import { createTokens } from '../../bridge/index.ts'
import { TrackwireError } from '../../contract/index.ts'
import { fix, startTestBroker, type TestBroker, type TestBrokerOptions, testKeys } from '../support/broker.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { TestRights } from '../support/live-rights.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import type { Who } from '../support/who.ts'

const DESK: Who = { role: 'dispatcher', sub: 'desk' }
const DEVICE: Who = { role: 'device', sub: 'truck-7' }
const ERRORS = 'demo/users/desk/errors'
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const WILL = {
  topic: 'demo/devices/truck-7/status',
  payload: Buffer.from('{"state":"offline","battery":3}'),
  qos: 1,
  retain: true,
} as const

/** The broker and its tokens by one clock. */
interface Clocked extends TestBroker {
  readonly clock: FakeClock
  token(who: Who): Promise<string>
}

async function started(t: TestContext, options: TestBrokerOptions = {}): Promise<Clocked> {
  const clock = new FakeClock()
  const tokens = createTokens(await testKeys(), { now: clock.now })
  // A day goes by within seconds, and limits have a clock of their own.
  const running = await startTestBroker(t, { clock, verifyToken: tokens.verify, limits: false, ...options })
  const token = ({ org = 'demo', ttlSeconds = 3_600, ...claims }: Who) => tokens.mint({ org, ttlSeconds, ...claims })
  return { ...running, clock, token }
}

async function connected(
  t: TestContext,
  running: Clocked,
  who: Who,
  more: Partial<IConnectPacket> = {},
): Promise<RawClient> {
  const raw = await openRaw(t, running.port)
  const connack = await raw.connect(await running.token(who), { clientId: `c-${who.sub}`, ...more })
  assert.equal(connack.returnCode, 0)
  return raw
}

const texts = (raw: RawClient) => raw.of('publish').map(({ payload }) => payload.toString())
const codes = (raw: RawClient) =>
  raw
    .of('publish')
    .filter(({ topic }) => topic.endsWith('/errors'))
    .map(({ payload }) => JSON.parse(payload.toString()).code as string)

for (const [ttlSeconds, noticeBeforeMs] of [
  [3_600, 60_000],
  [120, 60_000],
  [90, 30_000],
  [60, 20_000],
  [9, 3_000],
] as const) {
  test(`a token of ${ttlSeconds} s is announced to expire once, ${noticeBeforeMs / 1_000} s before it does, to the millisecond`, async t => {
    const running = await started(t)
    const desk = await connected(t, running, { ...DESK, ttlSeconds })
    await desk.subscribe(ERRORS)
    running.clock.advance(ttlSeconds * 1_000 - noticeBeforeMs - 1)
    await desk.ping()
    assert.deepEqual(codes(desk), [])
    running.clock.advance(1)
    await desk.ping()
    assert.deepEqual(codes(desk), ['token_expiring'])
    running.clock.advance(noticeBeforeMs - 1)
    await desk.ping()
    assert.deepEqual(codes(desk), ['token_expiring'])
    running.clock.advance(1)
    await desk.closed()
    assert.deepEqual(codes(desk), ['token_expiring', 'token_expired'])
  })
}

test('a token for longer than a timer can wait lives as long as it says', async t => {
  const running = await started(t)
  const days = 40
  const desk = await connected(t, running, { ...DESK, ttlSeconds: days * 86_400 })
  await desk.subscribe(ERRORS)
  for (let day = 0; day < days - 1; day++) running.clock.advance(86_400_000)
  await desk.ping()
  assert.deepEqual(codes(desk), [])
  running.clock.advance(86_400_000)
  await desk.closed()
  assert.deepEqual(codes(desk), ['token_expiring', 'token_expired'])
})

test('a renewed token has a notice of its own, and the old one no more', async t => {
  const running = await started(t)
  const desk = await connected(t, running, { ...DESK, ttlSeconds: 300 })
  await desk.subscribe(ERRORS)
  running.clock.advance(250_000)
  await desk.until('the notice', () => codes(desk).length === 1)
  desk.publish('$auth/token', await running.token({ ...DESK, ttlSeconds: 300 }), 1)
  await desk.next('puback')
  running.clock.advance(239_000)
  await desk.ping()
  assert.deepEqual(codes(desk), ['token_expiring'])
  running.clock.advance(1_000)
  await desk.until('the second notice', () => codes(desk).length === 2)
})

test('a token in its last moment that is just admitted is good for the leeway of the clocks', async t => {
  const running = await started(t)
  const token = await running.token({ ...DESK, ttlSeconds: 10 })
  running.clock.advance(20_000)
  const desk = await openRaw(t, running.port)
  assert.equal((await desk.connect(token)).returnCode, 0)
  running.clock.advance(19_999)
  await desk.ping()
  running.clock.advance(1)
  await desk.closed()
})

const WRONG: readonly [string, string, (running: Clocked) => Promise<string>][] = [
  ['of another sub', 'token_invalid', running => running.token({ ...DESK, sub: 'other' })],
  ['of another organisation', 'token_invalid', running => running.token({ ...DESK, org: 'rival' })],
  ['that is no token', 'token_invalid', async () => 'rubbish'],
  ['with a broken signature', 'token_invalid', async running => `${(await running.token(DESK)).slice(0, -8)}AAAAAAAA`],
  [
    'that has expired',
    'token_expired',
    async running => {
      const token = await running.token({ ...DESK, ttlSeconds: 10 })
      running.clock.advance(45_000)
      return token
    },
  ],
]
for (const [what, code, tokenOf] of WRONG) {
  test(`a renewal with a token ${what} is told as ${code} and changes nothing: the connection ends when it would have`, async t => {
    const running = await started(t)
    const desk = await connected(t, running, { ...DESK, ttlSeconds: 300 })
    await desk.subscribe(ERRORS, 'demo/devices/+/location')
    const startedAt = running.clock.now()
    desk.publish('$auth/token', await tokenOf(running), 1)
    await desk.next('puback')
    await desk.until('the notice', () => codes(desk).length === 1)
    assert.deepEqual(codes(desk), [code])
    await running.broker.publish({ topic: 'demo/devices/a/location', payload: fix(), qos: 1, retain: false })
    await desk.find('publish', ({ topic }) => topic === 'demo/devices/a/location')
    running.clock.advance(300_000 - (running.clock.now() - startedAt) - 1)
    await desk.ping()
    running.clock.advance(1)
    await desk.closed()
  })
}

test('a renewal with a revoked token is told, and the connection lives on with the one that it has', async t => {
  const rights = new TestRights()
  rights.current = issued => {
    if (issued.jti === 'stolen') throw new TrackwireError('token_revoked')
    return issued
  }
  const running = await started(t, { rights })
  const desk = await connected(t, running, DESK)
  await desk.subscribe(ERRORS)
  const tokens = createTokens(await testKeys(), { now: running.clock.now })
  const stolen = await tokens.mint({ org: 'demo', sub: 'desk', role: 'admin', jti: 'stolen', ttlSeconds: 600 })
  desk.publish('$auth/token', stolen, 1)
  await desk.next('puback')
  await desk.until('the notice', () => codes(desk).includes('token_revoked'))
  await desk.ping()
})

test('a renewal on one connection is no renewal of another one of the same principal', async t => {
  const running = await started(t)
  const [first, second] = [
    await connected(t, running, { ...DESK, ttlSeconds: 60 }, { clientId: 'one' }),
    await connected(t, running, { ...DESK, ttlSeconds: 60 }, { clientId: 'two' }),
  ]
  first.publish('$auth/token', await running.token({ ...DESK, ttlSeconds: 600 }), 1)
  await first.next('puback')
  running.clock.advance(60_000)
  await second.closed()
  await first.ping()
})

test('renewals count in the order in which they were sent, whichever is verified first', async t => {
  const clock = new FakeClock()
  const tokens = createTokens(await testKeys(), { now: clock.now })
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  const running = await startTestBroker(t, {
    clock,
    verifyToken: async token => {
      const principal = await tokens.verify(token)
      if (principal.devices.has('slow')) await held
      return principal
    },
  })
  const claims = { org: 'demo', sub: 'ann', role: 'user', ttlSeconds: 600 } as const
  const user = await openRaw(t, running.port)
  await user.connect(await tokens.mint(claims))
  user.publish('$auth/token', await tokens.mint({ ...claims, devices: ['slow'] }), 1)
  user.publish('$auth/token', await tokens.mint({ ...claims, devices: ['quick'] }), 1)
  await user.ping()
  release()
  await user.until('both', () => user.of('puback').length === 2)
  assert.deepEqual(await user.subscribe('demo/devices/slow/last', 'demo/devices/quick/last'), [0x80, 1])
})

test('a renewal that came in time is waited for, also when the token expires while it is verified', async t => {
  const clock = new FakeClock()
  const tokens = createTokens(await testKeys(), { now: clock.now })
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  let arrived = () => {}
  const verifying = new Promise<void>(resolve => {
    arrived = resolve
  })
  const running = await startTestBroker(t, {
    clock,
    verifyToken: async token => {
      const principal = await tokens.verify(token)
      if (principal.devices.has('renewed')) {
        arrived()
        await held
      }
      return principal
    },
  })
  const claims = { org: 'demo', sub: 'ann', role: 'user', ttlSeconds: 60 } as const
  const user = await openRaw(t, running.port)
  await user.connect(await tokens.mint(claims))
  user.publish('$auth/token', await tokens.mint({ ...claims, ttlSeconds: 600, devices: ['renewed'] }), 1)
  await verifying
  clock.advance(60_000)
  await user.ping()
  release()
  await user.next('puback')
  clock.advance(MINUTE_MS)
  await user.ping()
})

test('24 hours on 60-second tokens, each renewed in its last third: no disconnect, nothing missed, nothing twice', async t => {
  const running = await started(t)
  const { clock, broker } = running
  const watcher = await connected(t, running, { role: 'admin', sub: 'watcher', ttlSeconds: 90_000 }, { keepalive: 0 })
  await watcher.subscribe('demo/devices/truck-7/status')
  const desk = await connected(t, running, { ...DESK, ttlSeconds: 60 }, { clean: false })
  await desk.subscribe('demo/devices/+/location', ERRORS)
  const device = await connected(t, running, { ...DEVICE, ttlSeconds: 60 }, { will: WILL })
  await device.subscribe('demo/users/truck-7/errors')

  const heard: string[] = []
  let renewals = 0
  /** Answers what came, as a client does, and keeps nothing of it: a day is long. */
  const take = async () => {
    const came = desk.of('publish')
    desk.packets.length = 0
    for (const { topic, payload, messageId, dup } of came) {
      if (topic !== ERRORS) {
        assert.equal(dup, false)
        heard.push(payload.toString())
        desk.send({ cmd: 'puback', messageId: messageId! })
        continue
      }
      assert.equal(JSON.parse(payload.toString()).code, 'token_expiring')
      desk.publish('$auth/token', await running.token({ ...DESK, ttlSeconds: 60 }), 1)
      await desk.next('puback')
      renewals += 1
    }
  }
  const stepMs = 40_000
  const steps = DAY_MS / stepMs
  for (let step = 0; step < steps; step++) {
    // The one that does not renew has its 60 s.
    if (step === 1) {
      clock.advance(stepMs / 2)
      await device.closed()
      clock.advance(stepMs / 2)
    } else clock.advance(stepMs)
    await broker.publish({ topic: 'demo/devices/a/location', payload: `${step}`, qos: 1, retain: false })
    await desk.until('the message', () => texts(desk).includes(`${step}`))
    await take()
  }
  assert.equal(desk.isClosed, false)
  assert.deepEqual(
    heard,
    Array.from({ length: steps }, (_, n) => `${n}`),
  )
  // The notice comes 40 s into the life of each.
  assert.equal(renewals, steps)
  assert.deepEqual(codes(device), ['token_expiring', 'token_expired'])
  await watcher.ping()
  const states = texts(watcher).map(text => JSON.parse(text))
  assert.deepEqual(
    states.map(({ state }) => state),
    ['online', 'offline'],
  )
  assert.equal(states[1].battery, 3, 'its will spoke')
  assert.equal(states[1].since - states[0].since, MINUTE_MS, 'exactly when its token expired')
})
