import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { foldDecisions } from '../../../bridge/replay/explanation.ts'
import type { Decision } from '../../../geofence-engine/index.ts'
import { ADMIN, type Caller, DISPATCHER, GATEWAY, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const NOON = Date.UTC(2026, 0, 5, 12)
/** Metres per degree of latitude at the equator, where the scenario lies. */
const PER_DEGREE = 110_574

interface Item {
  readonly text: string
  readonly outcome: string
  readonly event: string
  readonly reason: string | null
  readonly count?: number
  readonly timestamp: number
  readonly source: string
  readonly eventId?: string
}

/** A fix so many seconds after noon, so many metres north of the depot's northern border. */
const fixAt = (second: number, metersNorth: number, accuracy = 5) => ({
  timestamp: NOON + second * 1_000,
  location: { lat: 0.01 + metersNorth / PER_DEGREE, lng: 10, accuracy },
})

const DEPOT = {
  type: 'Feature',
  id: 'depot',
  geometry: {
    type: 'Polygon',
    coordinates: [
      [
        [9.99, -0.01],
        [10.01, -0.01],
        [10.01, 0.01],
        [9.99, 0.01],
        [9.99, -0.01],
      ],
    ],
  },
  properties: { name: 'Depot', useAccuracy: true },
}

const GOLDEN = [
  '2026-01-05 12:00:00 UTC enter of Depot was announced: 200 m inside the border, the position is good to 5 m: the device was found inside',
  '2026-01-05 12:01:00 UTC exit of Depot was not announced: 8 m outside the border, the position is good to 25 m: that is not clearly across (25 m are asked for)',
  '2026-01-05 12:03:50 UTC exit of Depot was announced late, at STORED, when its fixes had arrived: 90 m outside the border, the position is good to 5 m: the fix before was on the other side',
  '2026-01-05 12:04:00 UTC exit of Depot was announced, and taken back at STORED: fixes that arrived later contradict it',
  '2026-01-05 12:05:00 UTC enter of Depot was announced late, at STORED, when its fixes had arrived: 100 m inside the border, the position is good to 5 m: the fix before was on the other side',
  '2026-01-05 12:06:00 UTC exit of Depot was announced late, at STORED, when its fixes had arrived: 140 m outside the border, the position is good to 5 m: the fix before was on the other side',
  '2026-01-05 12:10:00 UTC enter of Depot was announced: 150 m inside the border, the position is good to 5 m: the fix before was on the other side',
  '2026-01-05 12:16:40 UTC exit of Depot was announced: 22 km outside the border, the position is good to 5 m: the fix before was on the other side',
  '2026-01-05 12:16:50 UTC overspeed was not announced: 31 m/s, above the limit of 25 m/s; 1 of 2 fixes that confirm it',
  '2026-01-05 12:17:00 UTC overspeed at 2026-01-05 12:16:50 UTC was announced: 33 m/s, above the limit of 25 m/s',
  '2026-01-05 12:17:10 UTC end of overspeed was not announced: 20 m/s, not above the limit of 25 m/s; 1 of 2 fixes that confirm it',
  '2026-01-05 12:17:20 UTC end of overspeed at 2026-01-05 12:17:10 UTC was announced: 19 m/s, not above the limit of 25 m/s',
]

describe('explain over HTTP', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    for (const id of ['truck-1', 'quiet'])
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
    await platform.call('PUT', '/api/v1/fences/depot', { caller: ADMIN, body: DEPOT })
    const send = (...updates: object[]) =>
      platform.call('POST', '/api/tracking/batch', {
        caller: GATEWAY,
        body: updates.map(update => ({ ...update, deviceId: 'truck-1' })),
      })
    // In the yard; poor fixes just across the border; truly out; back.
    await send(fixAt(0, -200), fixAt(60, 8, 25), fixAt(120, 9, 25), fixAt(180, 7, 25), fixAt(240, 150))
    await send(fixAt(600, -150))
    // What arrives late: it had been out earlier than was told, and was back in between.
    await send(fixAt(230, 90), fixAt(300, -100), fixAt(360, 140))
    await platform.call('PUT', '/api/v1/rules', { caller: ADMIN, body: { overspeed: { limit: 25, minFixes: 2 } } })
    const fast = (second: number, speed: number) => {
      const fix = fixAt(second, 2_000 + second * 20)
      return { ...fix, location: { ...fix.location, speed } }
    }
    await send(fast(1_000, 20), fast(1_010, 31), fast(1_020, 33), fast(1_030, 20), fast(1_040, 19))
  })
  after(() => platform.close())

  const explain = (query: string, caller: Caller = DISPATCHER) =>
    platform.call('GET', `/api/v1/devices/truck-1/explain${query}`, { caller })
  const hour = `?from=${NOON}&to=${NOON + 3_600_000}`

  test('a person reads what was announced, what was not, and why', async () => {
    const { status, body } = await explain(hour)
    assert.equal(status, 200, JSON.stringify(body))
    const texts = (body.items as Item[]).map(({ text }) =>
      // When it was stored is the one thing that differs from run to run.
      text.replace(/at (?!2026-01-05)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, 'at STORED'),
    )
    assert.deepEqual(texts, GOLDEN)
    assert.equal(body.note, null)
    assert.equal(body.next, null)
  })

  test('a machine finds the figures beside the sentence', async () => {
    const items = (await explain(hour)).body.items
    const { text: _, ...poor } = items[1]
    assert.deepEqual(poor, {
      timestamp: NOON + 60_000,
      subject: 'depot',
      kind: 'fence',
      outcome: 'suppressed',
      event: 'exit',
      reason: 'near_border',
      location: fixAt(60, 8, 25).location,
      borderMeters: 8,
      before: 'inside',
      after: 'inside',
      source: 'record',
    })
    const corrected = items[3]
    assert.deepEqual([corrected.outcome, corrected.announced.event], ['corrected', 'exit'])
    assert.ok(corrected.correctedAt >= corrected.announcedAt)
    assert.equal(items[2].announced.late, true)
  })

  test('pages, a fence and a rule give parts of the same', async () => {
    const whole = (await explain(hour)).body.items as Item[]
    const read: Item[] = []
    let cursor = ''
    for (let pages = 0; ; pages++) {
      assert.ok(pages < 20)
      const { body } = await explain(`${hour}&limit=2${cursor}`)
      read.push(...body.items)
      if (body.next === null) break
      cursor = `&cursor=${encodeURIComponent(body.next)}`
    }
    assert.deepEqual(read, whole)
    const only = async (query: string) =>
      ((await explain(`${hour}${query}`)).body.items as Item[]).map(({ text }) => text)
    assert.deepEqual(
      await only('&rule=overspeed'),
      whole.slice(8).map(({ text }) => text),
    )
    assert.deepEqual(
      await only('&fenceId=depot'),
      whole.slice(0, 8).map(({ text }) => text),
    )
    assert.deepEqual(await only('&fenceId=elsewhere'), [])
    assert.deepEqual((await explain(`?from=${NOON + 30_000}&to=${NOON + 200_000}`)).body.items.length, 1)
  })

  test('times are written in the zone that is asked for', async () => {
    const { body } = await explain(`${hour}&timeZone=Asia/Kolkata&limit=1`)
    assert.match(body.items[0].text, /^2026-01-05 17:30:00 \(12:00:00 UTC\) enter of Depot/)
    const wrong = await explain(`${hour}&timeZone=Mars/Olympus`)
    assert.deepEqual([wrong.status, wrong.body.code], [400, 'request_invalid'])
    assert.match(wrong.body.detail, /no IANA time zone/)
  })

  test('what was never recorded is run again, and said so', async () => {
    const recorded = (await explain(hour)).body.items as Item[]
    await platform.db.exec('create table kept as select * from decisions; delete from decisions')
    const { body } = await explain(hour)
    assert.match(body.note, /nothing was recorded .* run again/)
    assert.ok(body.items.every(({ source }: Item) => source === 'replay'))
    // The exit that was taken back is no part of a run in order; all else is known again, that it was announced too.
    const shown = ({ timestamp, event, outcome, reason }: Item) => ({ timestamp, event, outcome, reason })
    assert.deepEqual(body.items.map(shown), recorded.filter(({ outcome }) => outcome !== 'corrected').map(shown))
    const paged = (await explain(`${hour}&limit=5`)).body
    const rest = (await explain(`${hour}&limit=50&cursor=${encodeURIComponent(paged.next)}`)).body
    assert.deepEqual([...paged.items, ...rest.items].map(shown), body.items.map(shown))
    // A fence of now that was not there then.
    await platform.call('PUT', '/api/v1/fences/new', { caller: ADMIN, body: { ...DEPOT, id: 'new', properties: {} } })
    const [missed] = (await explain(`${hour}&fenceId=new`)).body.items as Item[]
    assert.equal(missed!.outcome, 'missed')
    assert.match(missed!.text, /enter of new would be announced with the fences and rules of now, but was not/)
    await platform.call('DELETE', '/api/v1/fences/new', { caller: ADMIN })
    await platform.db.exec(
      'insert into decisions (org, device_id, fix_time, kind, subject, body) select org, device_id, fix_time, kind, subject, body from kept order by seq; drop table kept',
    )
  })

  test('what the clock announced and a fix confirmed is told once', async () => {
    const id = 'sleeper'
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
    const yard = { ...DEPOT, id: 'yard', properties: { dwellSeconds: 1, appliesTo: { devices: [id], groups: [] } } }
    await platform.call('PUT', '/api/v1/fences/yard', { caller: ADMIN, body: yard })
    const report = (timestamp: number) =>
      platform.call('POST', '/api/tracking/location', {
        caller: GATEWAY,
        body: { ...fixAt(0, -200), timestamp, deviceId: id },
      })
    await report(Date.now() - 500)
    const dwells = async () => {
      const { body } = await platform.call('GET', `/api/v1/devices/${id}/explain?fenceId=yard`, { caller: ADMIN })
      return (body.items as Item[]).filter(({ event }) => event === 'dwell')
    }
    while ((await dwells()).length === 0) await delay(50)
    await report(Date.now())
    await delay(5)
    const [dwell, ...more] = await dwells()
    assert.deepEqual(more, [])
    assert.equal(dwell!.outcome, 'announced')
    await platform.call('DELETE', '/api/v1/fences/yard', { caller: ADMIN })
  })

  test('one sees what one may see, and a quiet device has nothing to explain', async () => {
    assert.equal((await explain(hour, { role: 'driver', devices: ['truck-1'] })).status, 200)
    const hidden = await explain(hour, { role: 'driver', devices: ['truck-2'] })
    assert.deepEqual([hidden.status, hidden.body.code], [404, 'device_unknown'])
    assert.equal((await explain(hour, { role: 'admin', org: 'other' })).body.code, 'device_unknown')
    const quiet = await platform.call('GET', '/api/v1/devices/quiet/explain', { caller: ADMIN })
    assert.deepEqual(quiet.body, { items: [], next: null, note: null })
    assert.equal((await explain('?from=later')).body.code, 'request_invalid')
  })
})

test('what is decided again and again for the same reason is one item, until something is announced', () => {
  const at = (timestamp: number, reason: string, outcome: Decision['outcome'] = 'suppressed'): Decision => ({
    timestamp,
    subject: 'depot',
    kind: 'fence',
    outcome,
    event: 'exit',
    reason,
    text: '',
    before: 'inside',
    after: 'inside',
  })
  const decisions = [
    at(1, 'unconfirmed'),
    at(2, 'returned'),
    at(3, 'unconfirmed'),
    at(4, 'returned'),
    { ...at(5, 'unconfirmed'), subject: 'yard' },
    at(6, 'confirmed', 'announced'),
    at(7, 'unconfirmed'),
  ]
  assert.deepEqual(
    foldDecisions(decisions).map(
      ({ decision, count, until }) => `${decision.subject} ${decision.timestamp} ${decision.reason} ${count} ${until}`,
    ),
    [
      'depot 1 unconfirmed 2 3',
      'depot 2 returned 2 4',
      'yard 5 unconfirmed 1 5',
      'depot 6 confirmed 1 6',
      'depot 7 unconfirmed 1 7',
    ],
  )
})
