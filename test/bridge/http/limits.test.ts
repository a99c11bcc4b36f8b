import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestLimits, testLimits } from '../../support/limits.ts'
import { type HttpPlatform, startHttpPlatform } from './http-platform.ts'

/* A clock that stands still: every bucket is as full as the test left it. */
let platform: HttpPlatform
let limits: TestLimits

before(async () => {
  limits = testLimits({
    locationPerMinute: 4,
    httpPerMinute: 6,
    generalPerMinute: 2,
    publicPerMinute: { most: 3, loopback: true },
  })
  platform = await startHttpPlatform({ limits: limits.requests, trustedProxies: ['127.0.0.1'] })
})
after(() => platform.close())

const fix = (deviceId?: string) => ({ deviceId, timestamp: Date.now(), location: { lat: 41.15, lng: -8.61 } })

test('positions over the limit are answered 429 with Retry-After and the state of the bucket', async () => {
  const caller = { role: 'device', sub: 'truck-7' } as const
  const post = () => platform.call('POST', '/api/tracking/location', { caller, body: fix() })
  for (let left = 3; left >= 0; left -= 1) {
    const { status, headers } = await post()
    assert.equal(status, 202)
    assert.equal(headers['ratelimit-limit'], '4')
    assert.equal(headers['ratelimit-remaining'], String(left))
    assert.equal(headers['ratelimit-policy'], '4;w=60')
  }
  const refused = await post()
  assert.equal(refused.status, 429)
  assert.equal(refused.headers['retry-after'], '15')
  assert.equal(refused.headers['ratelimit-remaining'], '0')
  assert.match(String(refused.headers['content-type']), /^application\/problem\+json/)
  assert.equal(refused.body.code, 'rate_limited')
  limits.wait(15_000)
  assert.equal((await post()).status, 202)
  // Positions do not use up what else it may ask.
  assert.equal((await platform.call('GET', '/api/v1/devices', { caller })).headers['ratelimit-limit'], '6')
})

test('a batch counts once', async () => {
  const caller = { role: 'device', sub: 'truck-8' } as const
  const body = Array.from({ length: 100 }, (_, i) => ({ ...fix(), timestamp: 1_700_000_000_000 + i }))
  const { status, headers } = await platform.call('POST', '/api/tracking/batch', { caller, body })
  assert.equal(status, 202)
  assert.equal(headers['ratelimit-remaining'], '3')
})

test('a gateway counts by device', async () => {
  const admin = { role: 'admin' } as const
  for (const id of ['g-1', 'g-2']) await platform.call('POST', '/api/v1/devices', { caller: admin, body: { id } })
  const caller = { role: 'service', sub: 'gateway' } as const
  const post = (deviceId: string) => platform.call('POST', '/api/tracking/location', { caller, body: fix(deviceId) })
  for (let i = 0; i < 4; i += 1) assert.equal((await post('g-1')).status, 202)
  assert.equal((await post('g-1')).status, 429)
  assert.equal((await post('g-2')).status, 202)
})

test('other requests have a limit of their own, by principal; acting on an SOS has none', async () => {
  const caller = { role: 'dispatcher', sub: 'desk' } as const
  const get = () => platform.call('GET', '/api/v1/fences', { caller })
  for (let i = 0; i < 6; i += 1) assert.equal((await get()).status, 200)
  assert.equal((await get()).status, 429)
  const answer = await platform.call('POST', '/api/v1/sos/no-such/acknowledge', { caller })
  assert.equal(answer.status, 404)
  assert.equal(answer.headers['ratelimit-limit'], undefined)
  assert.equal((await platform.call('GET', '/api/v1/fences', { caller: { ...caller, sub: 'other' } })).status, 200)
})

test('strangers are counted by address, that of the client behind a trusted proxy', async () => {
  const body = { refreshToken: 'nonsense' }
  const refresh = (address: string) =>
    platform.call('POST', '/api/v1/auth/refresh', { body, headers: { 'x-forwarded-for': address } })
  for (let i = 0; i < 3; i += 1) assert.equal((await refresh('203.0.113.7')).status, 401)
  assert.equal((await refresh('203.0.113.7')).status, 429)
  assert.equal((await refresh('203.0.113.8')).status, 401)
})

test('health, metrics and the public keys are never refused', async () => {
  for (let i = 0; i < 20; i += 1) {
    for (const path of ['/health', '/metrics', '/.well-known/jwks.json']) {
      assert.equal((await platform.call('GET', path)).status, 200)
    }
  }
})

test('who is not let in is counted: by address without a good token, else by principal; logging in is counted apart', async () => {
  const headers = { 'x-forwarded-for': '203.0.113.20' }
  const knock = () =>
    platform.call('GET', '/api/v1/devices', { headers: { ...headers, authorization: 'Bearer nonsense' } })
  for (let i = 0; i < 2; i += 1) assert.equal((await knock()).status, 401)
  const refused = await knock()
  assert.equal(refused.status, 429)
  assert.equal(refused.headers['retry-after'], '30')
  const body = { refreshToken: 'nonsense' }
  assert.equal((await platform.call('POST', '/api/v1/auth/refresh', { body, headers })).status, 401)
  const device = { role: 'device', sub: 'knocks' } as const
  const admin = () => platform.call('GET', '/api/v1/users', { caller: device, headers })
  for (let i = 0; i < 6; i += 1) assert.equal((await admin()).status, 403)
  assert.equal((await admin()).status, 429)
})
