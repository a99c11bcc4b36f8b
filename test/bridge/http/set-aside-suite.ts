import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ADMIN, DISPATCHER, fixAt, GATEWAY, type HttpPlatform, square, startHttpPlatform } from './http-platform.ts'

const HOUR_MS = 3_600_000
const LIST = '/api/v1/set-aside'

/** How set-aside fixes and clocks are judged, whatever database is below. Runs inside a `describe`. */
export function setAsideSuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  let devices = 0
  before(async () => {
    platform = await startHttpPlatform({}, databaseUrl)
  })
  after(() => platform.close())

  const newDevice = async (): Promise<string> => {
    const id = `van-${++devices}`
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
    return id
  }
  const send = async (deviceId: string, ...fixes: ReturnType<typeof fixAt>[]) => {
    for (const fix of fixes) {
      const answer = await platform.call('POST', '/api/tracking/location', {
        caller: GATEWAY,
        body: { ...fix, deviceId },
      })
      assert.equal(answer.status, 202, JSON.stringify(answer.body))
    }
  }
  const list = async (deviceId: string, more = '') =>
    (await platform.call('GET', `${LIST}?deviceId=${deviceId}${more}`, { caller: DISPATCHER })).body.items
  const history = async (deviceId: string) =>
    (await platform.call('GET', `/api/v1/devices/${deviceId}/history`, { caller: DISPATCHER })).body.items
  const post = (path: string, body?: unknown) => platform.call('POST', `${LIST}${path}`, { caller: DISPATCHER, body })
  const clockOf = async (deviceId: string) =>
    (await platform.call('GET', `/api/v1/devices/${deviceId}`, { caller: DISPATCHER })).body.clock
  /** Live fixes of a clock that is eight hours ahead, a second apart, now. */
  const ahead = (count: number) => {
    const start = Date.now() - count * 10
    return Array.from({ length: count }, (_, i) => fixAt(start + i * 10 + 8 * HOUR_MS))
  }

  test('a clock that is ahead is learnt, suggested, and accepted with the suggestion', async () => {
    const device = await newDevice()
    assert.equal(await clockOf(device), null)
    const sent = ahead(6)
    await send(device, ...sent)
    const clock = await clockOf(device)
    assert.deepEqual([clock.offsetSeconds, clock.kind, clock.appliedOffsetSeconds], [28_800, 'future', null])
    assert.ok(clock.count >= 5 && clock.since <= Date.now())
    const rows = await list(device)
    assert.equal(rows.length, 6)
    for (const row of rows) {
      assert.equal(row.suggestedOffsetSeconds, 28_800)
      assert.equal(row.suggestedTime, row.timestamp - 8 * HOUR_MS)
      assert.deepEqual([row.state, row.judgedBy], ['waiting', null])
    }
    const first = rows.at(-1)
    const accepted = await post(`/${first.id}/accept`)
    assert.equal(accepted.status, 200, JSON.stringify(accepted.body))
    assert.deepEqual(
      [accepted.body.state, accepted.body.judgedBy, accepted.body.acceptedTime],
      ['accepted', 'dispatcher-1', sent[0]!.timestamp - 8 * HOUR_MS],
    )
    const [fix] = await history(device)
    assert.equal(fix.timestamp, sent[0]!.timestamp - 8 * HOUR_MS)
    assert.deepEqual(fix.clock, { received: sent[0]!.timestamp, repair: 'accepted' })

    assert.equal((await post(`/${first.id}/accept`)).body.code, 'already_judged')
    assert.equal((await post(`/${first.id}/drop`)).body.code, 'already_judged')
    await send(device, sent[0]!)
    assert.equal((await list(device)).length, 5, 'a repeat of a judged fix does not come back')

    const rest = await post('/accept', { deviceId: device })
    assert.deepEqual(rest.body, { accepted: 5, refused: [], next: null })
    assert.deepEqual(
      (await history(device)).map(({ timestamp }: { timestamp: number }) => timestamp),
      sent.map(({ timestamp }) => timestamp - 8 * HOUR_MS),
    )
    assert.equal((await list(device)).length, 0)
    assert.equal((await list(device, '&state=accepted')).length, 6)
  })

  test('an accepted fix is evaluated: it enters the fence it lies in', async () => {
    const device = await newDevice()
    await platform.call('PUT', '/api/v1/fences/yard', { caller: ADMIN, body: square('yard', 10, 50) })
    await send(device, fixAt(Date.now() + HOUR_MS, 50, 10))
    const [row] = await list(device)
    await post(`/${row.id}/accept`, { offsetSeconds: 3_600 })
    const { body } = await platform.call('GET', `/api/v1/alerts?deviceId=${device}`, { caller: DISPATCHER })
    assert.deepEqual(
      body.items.map(({ event, timestamp }: { event: string; timestamp: number }) => [event, timestamp]),
      [['enter', row.timestamp - HOUR_MS]],
    )
  })

  test('a time that is still ahead, or none a fix can have, is refused, and the fix waits on', async () => {
    const device = await newDevice()
    await send(device, fixAt(Date.now() + 2 * HOUR_MS))
    const [row] = await list(device)
    assert.equal(row.suggestedTime, null, 'nothing is learnt of one fix')
    for (const [body, status, code] of [
      [undefined, 409, 'timestamp_still_future'],
      [{ offsetSeconds: 3_600 }, 409, 'timestamp_still_future'],
      [{ timestamp: 1_000 }, 400, 'timestamp_implausible'],
      [{ timestamp: 1, offsetSeconds: 1 }, 400, 'payload_invalid'],
      [{ offset: 1 }, 400, 'payload_invalid'],
      [{ offsetSeconds: 1.5 }, 400, 'payload_invalid'],
    ] as const) {
      const answer = await post(`/${row.id}/accept`, body)
      assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body))
    }
    const bulk = await post('/accept', { deviceId: device })
    assert.equal(bulk.body.accepted, 0)
    assert.deepEqual(
      bulk.body.refused.map(({ id, code }: { id: number; code: string }) => [id, code]),
      [[row.id, 'timestamp_still_future']],
    )
    assert.equal((await list(device)).length, 1)
    const timestamp = Date.now() - 5_000
    assert.equal((await post(`/${row.id}/accept`, { timestamp })).body.acceptedTime, timestamp)
    assert.equal((await history(device))[0].timestamp, timestamp)
  })

  test('dropped fixes stay out; by time of receipt and reason too', async () => {
    const device = await newDevice()
    await send(device, ...ahead(3))
    const rows = await list(device)
    assert.equal((await list(device, '&reason=something_else')).length, 0)
    assert.equal((await list(device, `&to=${rows[0].receivedAt - 60_000}`)).length, 0)
    assert.equal((await list(device, `&from=${rows[0].receivedAt - 60_000}&reason=timestamp_future`)).length, 3)
    assert.equal((await post(`/${rows[0].id}/drop`)).body.state, 'dropped')
    const none = await post('/drop', { deviceId: device, reason: 'something_else' })
    assert.deepEqual(none.body, { dropped: 0, refused: [], next: null })
    assert.equal((await post('/drop', { deviceId: device, from: rows[2].receivedAt - 1 })).body.dropped, 2)
    assert.deepEqual(await history(device), [])
    assert.deepEqual(
      (await list(device, '&state=dropped')).map(({ judgedBy }: { judgedBy: string }) => judgedBy),
      ['dispatcher-1', 'dispatcher-1', 'dispatcher-1'],
    )
  })

  test('a thousand a call, and where to go on', async () => {
    const device = await newDevice()
    const start = Date.now() + 5 * HOUR_MS
    for (const from of [0, 600]) {
      const updates = Array.from({ length: 600 }, (_, i) => ({ ...fixAt(start + (from + i) * 10), deviceId: device }))
      await platform.call('POST', '/api/tracking/batch', { caller: GATEWAY, body: updates })
    }
    const first = await post('/accept', { deviceId: device, offsetSeconds: 5 * 3_600 + 60 })
    assert.equal(first.body.accepted, 1_000)
    assert.equal(typeof first.body.next, 'number')
    const second = await post('/accept', { deviceId: device, offsetSeconds: 5 * 3_600 + 60, after: first.body.next })
    assert.deepEqual(second.body, { accepted: 200, refused: [], next: null })
  })

  test('another organisation sees and judges nothing', async () => {
    const device = await newDevice()
    await send(device, ...ahead(1))
    const [row] = await list(device)
    const stranger = { role: 'dispatcher', org: 'other' } as const
    const answer = await platform.call('POST', `${LIST}/${row.id}/accept`, { caller: stranger })
    assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'])
    const bulk = await platform.call('POST', `${LIST}/drop`, { caller: stranger, body: { deviceId: device } })
    assert.equal(bulk.body.dropped, 0)
    assert.equal((await list(device)).length, 1)
  })

  test('an offset that a person sets corrects the times from the next fix on, until it is taken back', async () => {
    const device = await newDevice()
    const url = `/api/v1/devices/${device}/clock-offset`
    const set = await platform.call('PUT', url, { caller: DISPATCHER, body: { offsetSeconds: 28_800 } })
    assert.deepEqual([set.status, set.body.appliedOffsetSeconds], [200, 28_800])
    const sent = ahead(6)
    const answer = await platform.call('POST', '/api/tracking/location', {
      caller: GATEWAY,
      body: { ...sent[0]!, deviceId: device },
    })
    assert.deepEqual(answer.body, {
      status: 'stored',
      repaired: { repair: 'clock-offset', received: sent[0]!.timestamp, timestamp: sent[0]!.timestamp - 8 * HOUR_MS },
    })
    await send(device, ...sent.slice(1))
    assert.deepEqual(await list(device), [])
    assert.deepEqual(
      (await history(device)).map(({ timestamp, clock }: { timestamp: number; clock: object }) => [timestamp, clock]),
      sent.map(({ timestamp }) => [timestamp - 8 * HOUR_MS, { received: timestamp, repair: 'clock-offset' }]),
    )
    assert.equal((await clockOf(device)).appliedOffsetSeconds, 28_800)
    assert.equal((await platform.call('DELETE', url, { caller: DISPATCHER })).status, 204)
    assert.equal((await clockOf(device)).appliedOffsetSeconds, null)
    await send(device, ...ahead(1))
    assert.equal((await list(device)).length, 1)
    const unknown = await platform.call('PUT', '/api/v1/devices/nobody/clock-offset', {
      caller: DISPATCHER,
      body: { offsetSeconds: 0 },
    })
    assert.deepEqual([unknown.status, unknown.body.code], [404, 'device_unknown'])
  })

  test('a lost week count is repaired, told in the answer, and a repeat of it is a repeat', async () => {
    const device = await newDevice()
    const now = Date.now()
    await send(device, fixAt(now - 2_000))
    for (const [from, weeks] of [
      [now - 1_000, -1_024],
      [now - 500, 1_024],
      [now - 250, -2_048],
    ] as const) {
      const received = from + weeks * 7 * 24 * HOUR_MS
      const body = { ...fixAt(received), deviceId: device }
      const post = () => platform.call('POST', '/api/tracking/location', { caller: GATEWAY, body })
      const repaired = { repair: 'week-rollover', received, timestamp: from }
      assert.deepEqual((await post()).body, { status: 'stored', repaired })
      assert.deepEqual((await post()).body, { status: 'repeated' })
    }
    const times = (await history(device)).map(({ timestamp }: { timestamp: number }) => timestamp)
    assert.deepEqual(times, [now - 2_000, now - 1_000, now - 500, now - 250])
  })

  test('a clock that lags is reported, never corrected by itself', async () => {
    const device = await newDevice()
    const start = Date.now() - 3 * HOUR_MS
    for (let i = 0; i < 10; i++) await send(device, fixAt(Date.now() - 3 * HOUR_MS))
    const clock = await clockOf(device)
    assert.deepEqual([clock?.offsetSeconds, clock?.kind], [-10_800, 'lagging'])
    for (const { timestamp } of await history(device))
      assert.ok(timestamp >= start && timestamp <= Date.now() - 3 * HOUR_MS)
  })
}
