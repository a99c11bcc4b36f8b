import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { readReplayRequest } from '../../../bridge/replay/replay-request.ts'
import { runReplay } from '../../../bridge/replay/run-replay.ts'
import type { GeofenceEvent } from '../../../contract/index.ts'
import { FIXES_PER_SIDE, SQUARE, walkCrossings, walkFix } from '../../support/square-walk.ts'
import {
  ADMIN,
  type Caller,
  DISPATCHER,
  GATEWAY,
  type HttpPlatform,
  square,
  startHttpPlatform,
} from './http-platform.ts'

const START = 1_700_000_000_000
const COUNT = 60
const REPLAY = '/api/v1/replay'
const timeOf = (n: number) => START + n * 100

const short = ({ event, timestamp }: GeofenceEvent) => `${event}@${timestamp}`

describe('replay over HTTP', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    for (const id of ['truck-1', 'truck-2', 'idle']) {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id, groups: ['vans'] } })
    }
    await platform.call('PUT', '/api/v1/fences/square', { caller: ADMIN, body: SQUARE })
    for (const deviceId of ['truck-1', 'truck-2']) {
      const updates = Array.from({ length: COUNT }, (_, n) => ({ ...walkFix(n, START), deviceId }))
      const sent = await platform.call('POST', '/api/tracking/batch', { caller: GATEWAY, body: updates })
      assert.equal(sent.body.stored, COUNT)
    }
  })
  after(() => platform.close())

  const replay = (body: unknown, caller: Caller = DISPATCHER) => platform.call('POST', REPLAY, { caller, body })
  async function announced(deviceId: string): Promise<GeofenceEvent[]> {
    const { body } = await platform.call('GET', `/api/v1/alerts?deviceId=${deviceId}&limit=1000`, { caller: ADMIN })
    return body.items.reverse()
  }

  test('stored tracks through the stored fences give what was announced, ids and all', async () => {
    const answer = await replay({ deviceIds: ['truck-1', 'truck-2'] })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    assert.match(String(answer.headers['content-type']), /^application\/json/)
    assert.deepEqual(answer.body.events, [...(await announced('truck-1')), ...(await announced('truck-2'))])
    assert.deepEqual(answer.body.devices[0], {
      deviceId: 'truck-1',
      fixes: COUNT,
      leadIn: 0,
      repeated: 0,
      events: walkCrossings(COUNT, START).length,
      firstFix: timeOf(0),
      lastFix: timeOf(COUNT - 1),
    })
    assert.equal(answer.body.truncated, null)
    assert.equal('decisions' in answer.body, false)
  })

  test('a stretch begins where the device was: what is before it is run, but not told', async () => {
    // Inside since fix 7: no enter belongs to the stretch.
    const { body } = await replay({ deviceId: 'truck-1', from: timeOf(10), to: new Date(timeOf(22)).toISOString() })
    assert.deepEqual(body.events.map(short), [`exit@${timeOf(14)}`, `enter@${timeOf(21)}`])
    assert.deepEqual([body.devices[0].fixes, body.devices[0].leadIn], [12, 10])
  })

  test('a crossing that is confirmed after the end of the stretch belongs to it', async () => {
    const fence = { ...SQUARE, properties: { minFixes: 3 } }
    const { body } = await replay({
      deviceId: 'truck-1',
      to: timeOf(FIXES_PER_SIDE + 1),
      fences: { type: 'FeatureCollection', features: [fence] },
    })
    assert.deepEqual(body.events.map(short), [`enter@${timeOf(FIXES_PER_SIDE)}`])
  })

  test('a changed fence gives the expected difference, and nothing of it becomes live', async () => {
    const before = await liveState(platform)
    // Where the walk is outside; and the old one is gone.
    const moved = square('square', 0.03, 0.01, 0.004)
    const changed = await replay({ deviceId: 'truck-1', fences: { type: 'FeatureCollection', features: [moved] } })
    const crossings = walkCrossings(COUNT, START).map(text =>
      text.startsWith('enter') ? text.replace('enter', 'exit') : text.replace('exit', 'enter'),
    )
    assert.deepEqual(changed.body.events.map(short), [`enter@${timeOf(0)}`, ...crossings])
    assert.equal(changed.body.events[0].initial, true)
    assert.deepEqual(await liveState(platform), before)
  })

  test('compare says what would be gone, what would be new, and how much would be the same', async () => {
    const unchanged = await replay({ deviceIds: ['truck-1', 'truck-2'], compare: true })
    const all = walkCrossings(COUNT, START).length
    assert.deepEqual(unchanged.body.comparison, { same: 2 * all, gone: [], added: [] })
    const enterOnly = { ...SQUARE, properties: { events: ['enter'] } }
    const yard = square('yard', 0.03, 0.01, 0.004)
    const features = [enterOnly, yard]
    const { body } = await replay({
      deviceId: 'truck-1',
      compare: true,
      from: timeOf(5),
      to: timeOf(30),
      fences: { type: 'FeatureCollection', features },
    })
    assert.deepEqual(body.comparison.gone.map(short), [`exit@${timeOf(14)}`, `exit@${timeOf(28)}`])
    assert.deepEqual(
      body.comparison.added.map((event: GeofenceEvent) => `${event.fenceId} ${short(event)}`),
      [`yard exit@${timeOf(7)}`, `yard enter@${timeOf(14)}`, `yard exit@${timeOf(21)}`, `yard enter@${timeOf(28)}`],
    )
    assert.equal(body.comparison.same, 2)
  })

  test('of a fence that is not replayed nothing is said to be gone', async () => {
    const fences = { type: 'FeatureCollection', features: [square('elsewhere', 50, 50)] }
    const { body } = await replay({ deviceId: 'truck-1', compare: true, fences })
    assert.deepEqual(body.comparison, { same: 0, gone: [], added: [] })
  })

  test('a given track is run instead of the history: in any order, with repeats', async () => {
    const track = Array.from({ length: COUNT }, (_, n) => walkFix(n, START + 86_400_000))
    const { body } = await replay({ deviceId: 'nobody', track: [...track.reverse(), track[0]] })
    assert.deepEqual(body.events.map(short), walkCrossings(COUNT, START + 86_400_000))
    assert.deepEqual([body.devices[0].fixes, body.devices[0].repeated], [COUNT, 1])
  })

  test('fences of groups apply to the device’s groups, fenceIds chooses among the stored', async () => {
    const ofGroup = (groups: string[]) => ({ ...SQUARE, properties: { appliesTo: { groups } } })
    const count = async (fence: unknown) =>
      (await replay({ deviceId: 'truck-1', fences: { type: 'FeatureCollection', features: [fence] } })).body.events
        .length
    assert.ok((await count(ofGroup(['vans']))) > 0)
    assert.equal(await count(ofGroup(['ships'])), 0)
    assert.ok((await replay({ deviceId: 'truck-1', fences: 'stored', fenceIds: ['square'] })).body.events.length > 0)
    const missing = await replay({ deviceId: 'truck-1', fenceIds: ['nowhere'] })
    assert.deepEqual([missing.status, missing.body.code], [404, 'not_found'])
    assert.match(missing.body.detail, /no fence nowhere/)
  })

  test('a device without fixes has no events', async () => {
    const { body } = await replay({ deviceId: 'idle', compare: true, clock: true })
    assert.deepEqual([body.events, body.devices[0].fixes, body.devices[0].firstFix], [[], 0, null])
  })

  test('one sees what one may see', async () => {
    const driver: Caller = { role: 'driver', devices: ['truck-1'] }
    assert.equal((await replay({ deviceId: 'truck-1' }, driver)).status, 200)
    for (const body of [{ deviceId: 'truck-2' }, { deviceIds: ['truck-1', 'truck-2'] }, { deviceId: 'nobody' }]) {
      const hidden = await replay(body, driver)
      assert.deepEqual([hidden.status, hidden.body.code], [404, 'device_unknown'], JSON.stringify(body))
    }
    assert.equal((await replay({ deviceId: 'truck-1' }, { role: 'admin', org: 'other' })).body.code, 'device_unknown')
    assert.equal((await replay({ deviceId: 'truck-1' }, { role: 'device', sub: 'truck-1' })).status, 403)
  })

  const fix = walkFix(0, START)
  const BAD: readonly [name: string, body: unknown, code: string, detail: RegExp][] = [
    ['no device', {}, 'request_invalid', /either deviceId or deviceIds/],
    ['both ways of naming devices', { deviceId: 'a', deviceIds: ['b'] }, 'request_invalid', /either/],
    ['a list', [], 'payload_invalid', /object/],
    ['an unknown key', { deviceId: 'a', until: 3 }, 'payload_invalid', /until/],
    ['101 devices', { deviceIds: Array.from({ length: 101 }, (_, i) => `d${i}`) }, 'payload_invalid', /deviceIds/],
    ['a time that is none', { deviceId: 'truck-1', from: 'yesterday' }, 'request_invalid', /from is not a time/],
    ['times the wrong way round', { deviceId: 'truck-1', from: 2, to: 1 }, 'request_invalid', /from is after to/],
    ['fences that are no collection', { deviceId: 'truck-1', fences: [] }, 'fence_invalid', /FeatureCollection/],
    [
      'a fence at fault',
      { deviceId: 'truck-1', fences: { type: 'FeatureCollection', features: [SQUARE, { ...SQUARE, id: 7 }] } },
      'fence_invalid',
      /feature 1: the id of a fence/,
    ],
    [
      'fenceIds with fences of its own',
      { deviceId: 'truck-1', fenceIds: ['a'], fences: { type: 'FeatureCollection', features: [] } },
      'request_invalid',
      /fenceIds chooses among the stored/,
    ],
    ['rules that are none', { deviceId: 'truck-1', rules: { warp: 9 } }, 'request_invalid', /in the rules, .*warp/],
    ['an empty track', { deviceId: 'truck-1', track: [] }, 'payload_invalid', /track/],
    [
      'a track of two devices',
      { deviceIds: ['truck-1', 'truck-2'], track: [fix] },
      'request_invalid',
      /a track is of one device/,
    ],
    [
      'a fix that is none',
      { deviceId: 'truck-1', track: [fix, { timestamp: 1 }] },
      'payload_invalid',
      /fix 1 of the track/,
    ],
    [
      'a fix of another device',
      { deviceId: 'truck-1', track: [{ ...fix, deviceId: 'truck-2' }] },
      'device_mismatch',
      /fix 0 of the track/,
    ],
    [
      'a comparison of a given track',
      { deviceId: 'truck-1', track: [fix], compare: true },
      'request_invalid',
      /compare is with what was announced/,
    ],
  ]
  for (const [name, body, code, detail] of BAD) {
    test(`${name} is refused with what to do`, async () => {
      const answer = await replay(body)
      assert.equal(answer.body.code, code, JSON.stringify(answer.body))
      assert.match(answer.body.detail, detail)
    })
  }

  test('a call that would become too large says what remains, and going on from there gives the rest', async () => {
    const whole = await replay({ deviceIds: ['truck-1', 'truck-2'] })
    const events: unknown[] = []
    let calls = 0
    const waiting: { deviceId: string; from: number | null }[] = [
      { deviceId: 'truck-1', from: null },
      { deviceId: 'truck-2', from: null },
    ]
    const context = { db: platform.db, org: 'demo', signal: new AbortController().signal, now: Date.now() }
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      calls += 1
      const { deviceId, from } = next
      const request = await readReplayRequest({ deviceId, ...(from !== null && { from }) })
      const answer = await runReplay({ ...context, limits: { fixes: 25, events: 3 } }, request)
      events.push(...answer.events)
      if (answer.truncated !== null) {
        assert.match(answer.truncated.message, /25 fixes .*3 events.*truck-/)
        waiting.unshift(...answer.truncated.rest)
      }
      assert.ok(calls < 200, 'each call gets further')
    }
    assert.deepEqual(events, whole.body.events)
    assert.ok(calls > 4)
    const both = await readReplayRequest({ deviceIds: ['truck-1', 'truck-2', 'idle'] })
    const { truncated } = await runReplay({ ...context, limits: { fixes: 10, events: 100 } }, both)
    assert.deepEqual(truncated?.rest, [
      { deviceId: 'truck-1', from: timeOf(10) },
      { deviceId: 'truck-2', from: null },
      { deviceId: 'idle', from: null },
    ])
  })

  test('a crossing on the one side of a cut that is confirmed on the other is given once', async () => {
    const features = [{ ...SQUARE, properties: { minFixes: 5 } }]
    const fences = { type: 'FeatureCollection', features }
    const whole = (await replay({ deviceId: 'truck-1', fences })).body.events
    const context = { db: platform.db, org: 'demo', signal: new AbortController().signal, now: Date.now() }
    for (const fixes of [9, 10, 11, 25, 31]) {
      const events: unknown[] = []
      for (let from: number | null | undefined; from !== null; ) {
        const request = await readReplayRequest({ deviceId: 'truck-1', fences, ...(from !== undefined && { from }) })
        // A lead-in is part of what a call may run: what is left for the stretch grows with it.
        const limits = { fixes: fixes + (from === undefined ? 0 : (from - START) / 100), events: 100 }
        const answer = await runReplay({ ...context, limits }, request)
        events.push(...answer.events)
        from = answer.truncated?.rest[0]?.from ?? null
      }
      assert.deepEqual(events, whole, `cut after every ${fixes} fixes`)
    }
  })

  test('a comparison does not take what was uploaded late for silence', async () => {
    const body = { id: 'parked', groups: [] }
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body })
    const dwells = { ...SQUARE, id: 'dwells', properties: { dwellSeconds: 600, appliesTo: { devices: ['parked'] } } }
    await platform.call('PUT', '/api/v1/fences/dwells', { caller: ADMIN, body: dwells })
    await platform.call('POST', '/api/tracking/location', {
      caller: GATEWAY,
      body: { ...walkFix(FIXES_PER_SIDE, START), deviceId: 'parked' },
    })
    const compared = (await replay({ deviceId: 'parked', compare: true, fenceIds: ['dwells'] })).body
    assert.deepEqual(compared.comparison, { same: 1, gone: [], added: [] })
    const silent = (await replay({ deviceId: 'parked', clock: true, fenceIds: ['dwells'] })).body
    assert.deepEqual(silent.events.map(short), [`enter@${timeOf(7)}`, `dwell@${timeOf(7) + 600_000}`])
    await platform.call('DELETE', '/api/v1/fences/dwells', { caller: ADMIN })
  })

  test('a client that goes away stops its replay, and the next one has its turn', async () => {
    await platform.app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = platform.app.server.address() as AddressInfo
    const token = await platform.token(DISPATCHER)
    const track = Array.from({ length: 100_000 }, (_, n) => walkFix(n, START))
    const body = JSON.stringify({ deviceId: 'truck-1', track })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const long = httpRequest({ port, path: REPLAY, method: 'POST', headers })
    long.on('error', () => {})
    const closed = new Promise(resolve => void long.once('close', resolve))
    long.end(body)
    await once(long, 'finish')
    long.destroy()
    await closed
    assert.equal((await replay({ deviceId: 'truck-1' })).status, 200)
    assert.ok(!platform.log.some(line => JSON.parse(line).level >= 50), platform.log.join(''))
  })
  test('a replay stops in the middle of its work when it is told to', async () => {
    const track = Array.from({ length: 50_000 }, (_, n) => walkFix(n, START))
    const request = await readReplayRequest({ deviceId: 'truck-1', track })
    const stop = new AbortController()
    const running = runReplay({ db: platform.db, org: 'demo', signal: stop.signal, now: Date.now() }, request)
    stop.abort(new Error('enough'))
    await assert.rejects(running, /enough/)
  })
})

/** Everything that live traffic goes by. */
async function liveState({ db }: HttpPlatform) {
  const tables = ['device_state', 'events', 'outbox', 'fixes', 'fences', 'devices']
  return Promise.all(tables.map(table => db.query(`select * from ${table} t order by t::text`)))
}
