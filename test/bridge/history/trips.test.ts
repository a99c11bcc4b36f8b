import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ADMIN, GATEWAY, type HttpPlatform, startHttpPlatform } from '../http/http-platform.ts'

const T0 = Date.UTC(2026, 0, 1)
const TRIPS = '/api/v1/devices/bus/trips'

describe('trips over HTTP', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'bus' } })
    // Seven rounds: ten minutes of standing, ten of driving, a fix each ten seconds.
    const fixes = Array.from({ length: 7 * 120 }, (_, i) => {
      const [round, step] = [Math.floor(i / 120), i % 120]
      const driven = round * 60 + Math.max(0, step - 60)
      return { deviceId: 'bus', timestamp: T0 + i * 10_000, location: { lat: driven / 1_000, lng: 1 } }
    })
    const answer = await platform.call('POST', '/api/tracking/batch', { caller: GATEWAY, body: fixes })
    assert.deepEqual(answer.body.refused, [])
  })
  after(() => platform.close())
  const get = async (query: string) => (await platform.call('GET', `${TRIPS}${query}`, { caller: ADMIN })).body

  test('a list of trips with ends, length and speeds', async () => {
    const { items, next } = await get('')
    assert.deepEqual([items.length, next], [7, null])
    const [first] = items
    assert.deepEqual(Object.keys(first).sort(), [
      'averageSpeed',
      'distanceMeters',
      'end',
      'fixes',
      'maxSpeed',
      'ongoing',
      'start',
    ])
    assert.ok(Math.abs(first.start.timestamp - T0 - 600_000) <= 20_000)
    assert.ok(Math.abs(first.distanceMeters - 60 * 111.19) < 250)
    assert.ok(Math.abs(first.maxSpeed - 11.1) < 0.1)
    assert.deepEqual(
      items.map(({ ongoing }: { ongoing: boolean }) => ongoing),
      [...Array(6).fill(false), true],
    )
  })

  test('pages give the same trips', async () => {
    const whole = (await get('')).items
    const seen = []
    for (let query = '?limit=2'; ; ) {
      const { items, next } = await get(query)
      assert.ok(items.length <= 2)
      seen.push(...items)
      if (next === null) break
      query = `?limit=2&cursor=${next}`
    }
    assert.deepEqual(seen, whole)
  })

  test('a range, and longer stops', async () => {
    assert.equal((await get(`?from=${T0 + 20 * 60_000}&to=${T0 + 60 * 60_000}`)).items.length, 2)
    assert.equal((await get('?minStopSeconds=900')).items.length, 1)
  })

  for (const query of [
    '?minStopSeconds=0',
    '?stopRadiusMeters=far',
    '?gapSeconds=9999999',
    '?from=yesterday',
    '?speed=1',
  ]) {
    test(`${query} is refused`, async () => assert.equal((await get(query)).code, 'request_invalid'))
  }
})
