import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ADMIN, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const T0 = Date.UTC(2026, 0, 1)
const PHONE = { role: 'device' as const, sub: 'phone-1' }
const GATEWAY = { role: 'service' as const }

async function historyOf(platform: HttpPlatform, id: string) {
  return (await platform.call('GET', `/api/v1/devices/${id}/history`, { caller: ADMIN })).body.items ?? []
}

describe('/osmand with a token', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'van-1' } })
  })
  after(() => platform.close())

  test('200 with an empty body means stored; a device’s token registers it, whatever the app calls itself', async () => {
    const url = `/osmand?id=982340&lat=41.15&lon=-8.61&timestamp=${T0 / 1_000}&speed=10&batt=50`
    const answer = await platform.call('GET', url, { caller: PHONE })
    assert.deepEqual([answer.status, answer.body], [200, ''])
    assert.deepEqual(await historyOf(platform, 'phone-1'), [
      {
        deviceId: 'phone-1',
        timestamp: T0,
        location: { lat: 41.15, lng: -8.61, speed: 10 * (1852 / 3600) },
        metadata: { battery: 50 },
      },
    ])
    assert.equal((await platform.call('GET', url, { caller: PHONE })).status, 200, 'again')
    assert.equal((await historyOf(platform, 'phone-1')).length, 1)
  })

  test('the token may be the password of Basic, and a form may come with any type', async () => {
    const basic = Buffer.from(`ann:${await platform.token(PHONE)}`).toString('base64')
    for (const [i, type] of ['application/x-www-form-urlencoded', 'text/plain'].entries()) {
      const answer = await platform.call('POST', '/osmand', {
        headers: { authorization: `Basic ${basic}`, 'content-type': type },
        body: `lat=41&lon=-8&timestamp=${T0 + 1_000 * (i + 1)}`,
      })
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
    }
    assert.equal((await historyOf(platform, 'phone-1')).length, 3)
    const wrong = Buffer.from('ann:guess').toString('base64')
    const refused = await platform.call('GET', '/osmand?lat=1&lon=2', { headers: { authorization: `Basic ${wrong}` } })
    assert.deepEqual([refused.status, refused.body.code], [401, 'token_invalid'])
  })

  test('Basic is for the addresses of phones alone', async () => {
    const basic = Buffer.from(`ann:${await platform.token(ADMIN)}`).toString('base64')
    const answer = await platform.call('GET', '/api/v1/devices', { headers: { authorization: `Basic ${basic}` } })
    assert.equal(answer.status, 401)
  })

  test('without a token it is 401, with a word on what to do', async () => {
    const answer = await platform.call('GET', '/osmand?id=van-1&lat=1&lon=2')
    assert.deepEqual([answer.status, answer.body.code], [401, 'token_missing'])
    assert.match(answer.body.detail, /TRACKWIRE_OSMAND=on/)
    assert.deepEqual(await historyOf(platform, 'van-1'), [])
  })

  const refused: readonly [string, string, number, string][] = [
    ['an unknown device', 'id=ghost&lat=1&lon=2', 400, 'device_unknown'],
    ['no device', 'lat=1&lon=2', 400, 'payload_invalid'],
    ['0, 0', 'id=van-1&lat=0&lon=0', 400, 'position_null_island'],
    ['a latitude of 91', 'id=van-1&lat=91&lon=0', 400, 'payload_invalid'],
    ['nothing', '', 400, 'payload_invalid'],
  ]
  for (const [name, query, status, code] of refused) {
    test(`refused: ${name}`, async () => {
      const answer = await platform.call('GET', `/osmand?${query}`, { caller: GATEWAY })
      assert.deepEqual([answer.status, answer.body.code, answer.body.status], [status, code, status])
    })
  }

  test('JSON about an unknown device is 404', async () => {
    const body = { device_id: 'ghost', location: { coords: { latitude: 1, longitude: 2 } } }
    const answer = await platform.call('POST', '/osmand', { caller: GATEWAY, body })
    assert.deepEqual([answer.status, answer.body.code], [404, 'device_unknown'])
  })

  test('Overland is answered {"result":"ok"} once all is stored; what never can be is named', async () => {
    const feature = (seconds: number, lat: number, device_id = 'van-1') => ({
      type: 'Feature',
      geometry: { type: 'Point', coordinates: [-8.61, lat] },
      properties: { timestamp: new Date(T0 + seconds * 1_000).toISOString(), device_id },
    })
    const send = (locations: unknown[]) => platform.call('POST', '/osmand', { caller: GATEWAY, body: { locations } })
    const whole = await send([feature(2, 41.2), feature(1, 41.1)])
    assert.deepEqual([whole.status, whole.body], [200, { result: 'ok' }])
    const half = await send([feature(3, 91), feature(4, 41.3), feature(5, 41, 'ghost')])
    assert.equal(half.status, 200)
    assert.equal(half.body.result, 'ok')
    assert.deepEqual(
      half.body.refused.map(({ index, code }: { index: number; code: string }) => [index, code]),
      [
        [0, 'payload_invalid'],
        [2, 'device_unknown'],
      ],
    )
    assert.deepEqual(
      (await historyOf(platform, 'van-1')).map(({ timestamp }: { timestamp: number }) => timestamp - T0),
      [1_000, 2_000, 4_000],
    )
    const unknown = await send([feature(5, 41, 'ghost')])
    assert.equal(unknown.status, 404, 'kept by the phone until somebody registers it')
  })

  test('alarm=sos opens an SOS with its position', async () => {
    const url = `/osmand?id=van-1&lat=41.5&lon=-8.5&timestamp=${T0 / 1_000 + 60}&alarm=sos`
    assert.equal((await platform.call('GET', url, { caller: GATEWAY })).status, 200)
    const { body } = await platform.call('GET', '/api/v1/sos?state=all', { caller: ADMIN })
    assert.deepEqual(
      body.items.map(({ deviceId }: { deviceId: string }) => deviceId),
      ['van-1'],
    )
  })

  test('no token sends for a device of others', async () => {
    const answer = await platform.call('GET', '/osmand?id=van-1&lat=1&lon=2', {
      caller: { role: 'driver', devices: ['van-9'] },
    })
    assert.deepEqual([answer.status, answer.body.code], [403, 'publish_forbidden'])
  })
})

describe('/osmand by the id alone', () => {
  let platform: HttpPlatform
  const asked: string[] = []
  before(async () => {
    const granted = { waitMs: 0, bucket: null }
    platform = await startHttpPlatform({
      osmandByIdAlone: true,
      limits: {
        ofPrincipal({ org, sub }, rateClass) {
          if (rateClass === 'location') asked.push(`${org}/${sub}`)
          return sub === 'busy' ? { waitMs: 5_000, bucket: null } : granted
        },
        ofAddress(address) {
          asked.push(address)
          return granted
        },
        ofRefused: () => granted,
      },
    })
    for (const id of ['van-1', 'busy']) {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
    }
    for (const org of ['demo', 'other']) {
      await platform.call('POST', '/api/v1/devices', { caller: { ...ADMIN, org }, body: { id: 'twin' } })
    }
  })
  after(() => platform.close())

  test('a registered device is taken by its id, and counts for itself', async () => {
    asked.length = 0
    const answer = await platform.call('GET', `/osmand?id=van-1&lat=41.15&lon=-8.61&timestamp=${T0}`)
    assert.deepEqual([answer.status, answer.body], [200, ''])
    assert.equal((await historyOf(platform, 'van-1')).length, 1)
    assert.deepEqual(asked, ['demo/van-1'])
  })

  test('over the limit it is 429, but an SOS passes', async () => {
    const answer = await platform.call('GET', '/osmand?id=busy&lat=41.15&lon=-8.61&alarm=sos')
    assert.equal(answer.status, 429)
    assert.equal(answer.headers['retry-after'], '5')
    const { body } = await platform.call('GET', '/api/v1/sos?state=all', { caller: ADMIN })
    assert.equal(body.items.length, 1)
  })

  test('an unknown one is 400, counts for its address, and waits in the inbox with its fix', async () => {
    asked.length = 0
    const answer = await platform.call('GET', `/osmand?id=stranger&lat=41.15&lon=-8.61&timestamp=${T0}`)
    assert.deepEqual([answer.status, answer.body.code], [400, 'device_unknown'])
    assert.deepEqual(asked, ['127.0.0.1'])
    await platform.ingest.unknownDevices.flush()
    const { body } = await platform.call('GET', '/api/v1/devices/inbox', { caller: ADMIN })
    assert.deepEqual(
      body.items.map(({ id, deviceId }: { id?: string; deviceId?: string }) => id ?? deviceId),
      ['stranger'],
    )
    await platform.call('POST', '/api/v1/devices/inbox/stranger/adopt', { caller: ADMIN, body: {} })
    assert.equal((await historyOf(platform, 'stranger')).length, 1)
  })

  test('an id of two organisations is taken for neither', async () => {
    const answer = await platform.call('GET', '/osmand?id=twin&lat=41.15&lon=-8.61')
    assert.deepEqual([answer.status, answer.body.code], [400, 'device_unknown'])
    assert.deepEqual(await historyOf(platform, 'twin'), [])
  })

  test('a token that is wrong is not the same as none', async () => {
    assert.equal((await platform.call('GET', '/osmand?id=van-1&lat=1&lon=2', { token: 'a.b.c' })).status, 401)
  })
})
