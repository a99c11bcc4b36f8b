import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ADMIN, DISPATCHER, fixAt, GATEWAY, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const T0 = Date.UTC(2026, 0, 1)
const HOUR_MS = 3_600_000
const FIX_URL = '/api/tracking/location'
const BATCH_URL = '/api/tracking/batch'

/** What has to hold on every database. */
export function trackingSuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({}, databaseUrl)
    for (const id of ['truck-1', 'truck-2', 'truck-3']) {
      await platform.call('POST', '/api/v1/devices', {
        caller: ADMIN,
        body: { id, name: `Truck ${id}`, groups: ['north'] },
      })
    }
  })
  after(() => platform.close())

  const history = async (deviceId: string, query = '', headers = {}) =>
    (await platform.call('GET', `/api/v1/devices/${deviceId}/history${query}`, { caller: ADMIN, headers })).body

  test('a device sends under its own token and is registered by it', async () => {
    const caller = { role: 'device' as const, sub: 'newcomer' }
    const full = {
      timestamp: T0,
      userId: 'u-12',
      location: { lat: 41.1496, lng: -8.6109, accuracy: 6, speed: 13.9, heading: 270, altitude: 92 },
      metadata: { battery: 81, network: 'lte' },
      attributes: { ignition: true, nested: { deep: [1, null] } },
    }
    const answer = await platform.call('POST', FIX_URL, { caller, body: full })
    assert.equal(answer.status, 202)
    assert.deepEqual(answer.body, { status: 'stored' })
    assert.deepEqual((await history('newcomer')).items, [{ deviceId: 'newcomer', ...full }], 'as it was sent')
    const last = await platform.call('GET', '/api/v1/devices/newcomer/last', { caller })
    assert.deepEqual(last.body, { deviceId: 'newcomer', ...full })
    const device = await platform.call('GET', '/api/v1/devices/newcomer', { caller })
    assert.deepEqual(device.body.last, { deviceId: 'newcomer', ...full })
  })

  test('the same fix again is 202 and stored once', async () => {
    const body = { ...fixAt(T0), deviceId: 'truck-3' }
    assert.equal((await platform.call('POST', FIX_URL, { caller: GATEWAY, body })).status, 202)
    assert.equal((await platform.call('POST', FIX_URL, { caller: GATEWAY, body })).status, 202)
    assert.equal((await history('truck-3')).items.length, 1)
  })

  const refused: readonly [string, unknown, number, string][] = [
    ['no deviceId from a gateway', fixAt(T0), 400, 'payload_invalid'],
    ['an unknown device', { ...fixAt(T0), deviceId: 'ghost' }, 404, 'device_unknown'],
    ['an unknown key', { ...fixAt(T0), deviceId: 'truck-1', speed: 3 }, 400, 'payload_invalid'],
    ['seconds for milliseconds', { ...fixAt(T0 / 1_000), deviceId: 'truck-1' }, 400, 'timestamp_implausible'],
    ['a fix at 0, 0', { ...fixAt(T0, 0, 0), deviceId: 'truck-1' }, 400, 'position_null_island'],
    ['a latitude of 91', { ...fixAt(T0, 91, 0), deviceId: 'truck-1' }, 400, 'payload_invalid'],
    ['a NUL in an attribute', { ...fixAt(T0), deviceId: 'truck-1', attributes: { a: '\0' } }, 400, 'payload_invalid'],
    ['an array', [fixAt(T0)], 400, 'payload_invalid'],
    ['null', 'null', 400, 'payload_not_json'],
  ]
  for (const [name, body, status, code] of refused) {
    test(`a fix is refused: ${name}`, async () => {
      const answer = await platform.call('POST', FIX_URL, { caller: GATEWAY, body })
      assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body))
      assert.deepEqual((await history('truck-1')).items, [])
    })
  }

  test('a fix from the future is 202, told, and seen by a person among those set aside', async () => {
    const timestamp = Date.now() + HOUR_MS
    const answer = await platform.call('POST', FIX_URL, {
      caller: GATEWAY,
      body: { ...fixAt(timestamp), deviceId: 'truck-1' },
    })
    assert.equal(answer.status, 202)
    assert.equal(answer.body.status, 'set-aside')
    assert.equal(answer.body.code, 'timestamp_future')
    assert.match(answer.body.message, /ahead of the clock/)
    assert.deepEqual((await history('truck-1')).items, [])
    const { body } = await platform.call('GET', '/api/v1/set-aside?deviceId=truck-1', { caller: DISPATCHER })
    assert.equal(body.items.length, 1)
    assert.equal(body.items[0].reason, 'timestamp_future')
    assert.equal(body.items[0].timestamp, timestamp)
    assert.deepEqual(body.items[0].fix.location, { lat: 41.15, lng: -8.61 })
  })

  test('a batch takes the good and names the bad by their place', async () => {
    const future = Date.now() + HOUR_MS
    const updates = [
      { ...fixAt(T0 + 2), deviceId: 'truck-1' },
      { ...fixAt(T0 + 1), deviceId: 'truck-2' },
      { ...fixAt(T0 + 3), deviceId: 'ghost' },
      { ...fixAt(T0 + 4, 0, 0), deviceId: 'truck-1' },
      fixAt(T0 + 5),
      null,
      { ...fixAt(T0 + 1), deviceId: 'truck-1' },
      { ...fixAt(future), deviceId: 'truck-2' },
    ]
    for (const body of [updates, { updates }]) {
      const answer = await platform.call('POST', BATCH_URL, { caller: GATEWAY, body })
      assert.equal(answer.status, 202)
      assert.equal(answer.body.stored, 3)
      assert.deepEqual(
        answer.body.refused.map(({ index, code }: { index: number; code: string }) => [index, code]),
        [
          [2, 'device_unknown'],
          [3, 'position_null_island'],
          [4, 'payload_invalid'],
          [5, 'payload_invalid'],
          [7, 'timestamp_future'],
        ],
      )
    }
    const times = (await history('truck-1')).items.map(({ timestamp }: { timestamp: number }) => timestamp)
    assert.deepEqual(times, [T0 + 1, T0 + 2], 'ascending, each once')
  })

  test('a batch of which nothing can be stored is the error of its first fix', async () => {
    const body = [
      { ...fixAt(T0, 0, 0), deviceId: 'truck-1' },
      { ...fixAt(T0), deviceId: 'ghost' },
    ]
    const answer = await platform.call('POST', BATCH_URL, { caller: GATEWAY, body })
    assert.equal(answer.status, 400)
    assert.equal(answer.body.code, 'position_null_island')
    assert.match(answer.body.detail, /^fix 0: /)
    assert.equal(answer.body.refused.length, 2)
  })

  test('a batch of nothing but fixes from the future is 202: they are kept', async () => {
    const body = [{ ...fixAt(Date.now() + HOUR_MS), deviceId: 'truck-2' }]
    const answer = await platform.call('POST', BATCH_URL, { caller: GATEWAY, body })
    assert.equal(answer.status, 202)
    assert.equal(answer.body.stored, 0)
  })

  test('a device sends a batch for itself only', async () => {
    const caller = { role: 'device' as const, sub: 'truck-2' }
    const body = [fixAt(T0 + 10), { ...fixAt(T0 + 11), deviceId: 'truck-1' }]
    const answer = await platform.call('POST', BATCH_URL, { caller, body })
    assert.equal(answer.body.stored, 1)
    assert.equal(answer.body.refused[0].code, 'publish_forbidden')
  })

  for (const [name, body] of [
    ['an empty array', []],
    ['an object without updates', {}],
    ['a text', '"updates"'],
    ['more than 1,000', Array.from({ length: 1_001 }, () => 1)],
  ] as const) {
    test(`a batch is refused: ${name}`, async () => {
      const answer = await platform.call('POST', BATCH_URL, { caller: GATEWAY, body })
      assert.deepEqual([answer.status, answer.body.code], [400, 'payload_invalid'])
    })
  }

  describe('history', () => {
    const times = Array.from({ length: 250 }, (_, i) => T0 + i * 1_000)
    before(async () => {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'rover' } })
      const body = times.map((time, i) => ({ ...fixAt(time, 10 + i / 1_000, 20), deviceId: 'rover' })).reverse()
      const answer = await platform.call('POST', BATCH_URL, { caller: GATEWAY, body })
      assert.equal(answer.body.stored, 250)
    })
    const timesOf = (body: { items: { timestamp: number }[] }) => body.items.map(({ timestamp }) => timestamp)

    test('pages follow one another without gaps or repeats', async () => {
      const seen: number[] = []
      let pages = 0
      for (let query = '?limit=100'; ; ) {
        const body = await history('rover', query)
        seen.push(...timesOf(body))
        pages += 1
        if (body.next === null) break
        query = `?limit=100&cursor=${body.next}`
      }
      assert.equal(pages, 3)
      assert.deepEqual(seen, times)
    })

    test('100 fixes a page when no limit is given, and no cursor on the last page', async () => {
      assert.equal((await history('rover')).items.length, 100)
      assert.equal((await history('rover', '?limit=250')).next, null)
    })

    const ranges: readonly [string, string, number[]][] = [
      ['from is inclusive, to exclusive', `?from=${T0 + 1_000}&to=${T0 + 3_000}`, [T0 + 1_000, T0 + 2_000]],
      ['ISO 8601 in UTC', '?from=2026-01-01T00:00:01Z&to=2026-01-01T00:00:02.500Z', [T0 + 1_000, T0 + 2_000]],
      ['an offset, its + not escaped', '?from=2026-01-01T01:00:00+01:00&to=2026-01-01T01:00:01+0100', [T0]],
      ['a date is its midnight UTC', '?from=2025-12-31&to=2026-01-01', []],
      ['from and to alike', `?from=${T0}&to=${T0}`, []],
    ]
    for (const [name, query, expected] of ranges) {
      test(`range: ${name}`, async () => assert.deepEqual(timesOf(await history('rover', query)), expected))
    }

    test('GeoJSON by Accept: Points, longitude first, altitude third', async () => {
      await platform.call('POST', FIX_URL, {
        caller: GATEWAY,
        body: {
          deviceId: 'rover',
          timestamp: T0 + HOUR_MS,
          location: { lat: 1, lng: 2, altitude: 3, speed: 4 },
          metadata: { battery: 5 },
        },
      })
      const accept = 'application/geo+json'
      const answer = await platform.call('GET', `/api/v1/devices/rover/history?from=${T0 + HOUR_MS}`, {
        caller: ADMIN,
        headers: { accept },
      })
      assert.match(String(answer.headers['content-type']), /^application\/geo\+json/)
      assert.deepEqual(answer.body, {
        type: 'FeatureCollection',
        features: [
          {
            type: 'Feature',
            geometry: { type: 'Point', coordinates: [2, 1, 3] },
            properties: { deviceId: 'rover', timestamp: T0 + HOUR_MS, speed: 4, metadata: { battery: 5 } },
          },
        ],
        next: null,
      })
      const preferred = await platform.call('GET', '/api/v1/devices/rover/history?limit=1', {
        caller: ADMIN,
        headers: { accept: 'application/json, application/geo+json;q=0.5' },
      })
      assert.ok(Array.isArray(preferred.body.items), 'JSON when it is preferred')
    })

    const badQueries: readonly [string, string, RegExp][] = [
      ['a word for a time', '?from=yesterday', /from is not a time/],
      ['a time without a zone', '?from=2026-01-01T00:00:00', /with a zone/],
      ['a day that does not exist', '?from=2026-02-30', /from is not a time/],
      ['a number beyond the calendar', '?to=99999999999999999999', /to is not a time/],
      ['from after to', `?from=${T0 + 1}&to=${T0}`, /from is after to/],
      ['a limit of 0', '?limit=0', /limit/],
      ['a limit over 1,000', '?limit=1001', /limit/],
      ['a limit that is a word', '?limit=many', /limit/],
      ['a limit given twice', '?limit=1&limit=2', /more than once/],
      ['a cursor of rubbish', '?cursor=%00', /cursor/],
      ['a cursor of another list', `?cursor=${Buffer.from('["a"]').toString('base64url')}`, /cursor/],
      ['a cursor with an overflowing number', `?cursor=${Buffer.from('[1e300]').toString('base64url')}`, /cursor/],
      [
        'a parameter that does not exist',
        '?form=1',
        /form is not known here; known: from, to, format, simplify, limit, cursor/,
      ],
      ['__proto__ as a parameter', '?__proto__=1', /not known/],
    ]
    for (const [name, query, message] of badQueries) {
      test(`a query is refused: ${name}`, async () => {
        const body = await history('rover', query)
        assert.equal(body.code, 'request_invalid', JSON.stringify(body))
        assert.match(body.detail, message)
      })
    }
  })

  describe('devices', () => {
    test('a registered device comes with a token that is good for MQTT and HTTP', async () => {
      const body = { id: 'van-1', name: 'Van 1', groups: ['south'] }
      const answer = await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body })
      assert.equal(answer.status, 201)
      assert.equal(answer.headers.location, '/api/v1/devices/van-1')
      const { createdAt, ...device } = answer.body.device
      assert.deepEqual(device, { ...body, last: null })
      assert.ok(Number.isInteger(createdAt))
      const principal = await platform.tokens.verify(answer.body.token)
      assert.deepEqual([principal.sub, principal.org, principal.role], ['van-1', 'demo', 'device'])
      const sent = await platform.call('POST', FIX_URL, { token: answer.body.token, body: fixAt(T0) })
      assert.equal(sent.status, 202)
    })

    test('registering a device twice is a conflict that changes nothing', async () => {
      const answer = await platform.call('POST', '/api/v1/devices', {
        caller: ADMIN,
        body: { id: 'truck-1', name: 'Other' },
      })
      assert.deepEqual([answer.status, answer.body.code], [409, 'conflict'])
      const { body } = await platform.call('GET', '/api/v1/devices/truck-1', { caller: ADMIN })
      assert.equal(body.name, 'Truck truck-1')
    })

    test('a device without a fix has no last', async () => {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'idle-1' } })
      const answer = await platform.call('GET', '/api/v1/devices/idle-1/last', { caller: ADMIN })
      assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'])
    })

    test('the list is paged in order of the ids', async () => {
      const seen: string[] = []
      for (let cursor = ''; ; ) {
        const { body } = await platform.call('GET', `/api/v1/devices?limit=2${cursor}`, { caller: ADMIN })
        seen.push(...body.items.map(({ id }: { id: string }) => id))
        if (body.next === null) break
        cursor = `&cursor=${body.next}`
      }
      const all = (await platform.call('GET', '/api/v1/devices', { caller: ADMIN })).body.items
      assert.deepEqual(
        seen,
        all.map(({ id }: { id: string }) => id),
      )
      assert.equal(new Set(seen).size, seen.length)
    })
  })
}
