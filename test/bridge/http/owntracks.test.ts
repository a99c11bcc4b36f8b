import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TrackwireError } from '../../../contract/index.ts'
import { ADMIN, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const TST = Date.UTC(2026, 0, 1) / 1_000
const PHONE = { role: 'device' as const, sub: 'phone-1' }
const GATEWAY = { role: 'service' as const }
const at = (tst: number, more = {}) => ({ _type: 'location', lat: 41.15, lon: -8.61, tst, ...more })

describe('OwnTracks over HTTP', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({
      openOwnTracks(data) {
        if (data === 'nonsense') throw new TrackwireError('payload_invalid', 'the key does not fit')
        return JSON.parse(Buffer.from(data, 'base64').toString())
      },
    })
    for (const id of ['by-topic', 'by-header', 'by-query', 'by-user', 't1']) {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
    }
  })
  after(() => platform.close())

  const timesOf = async (id: string) => {
    const { body } = await platform.call('GET', `/api/v1/devices/${id}/history`, { caller: ADMIN })
    return (body.items ?? []).map(({ timestamp }: { timestamp: number }) => timestamp / 1_000 - TST)
  }
  const basic = async (user: string, caller: typeof PHONE | typeof GATEWAY) => ({
    authorization: `Basic ${Buffer.from(`${user}:${await platform.token(caller)}`).toString('base64')}`,
  })

  test('a location is stored and answered with []; the token of a device is that device', async () => {
    const answer = await platform.call('POST', '/owntracks', {
      headers: { ...(await basic('ann', PHONE)), 'x-limit-u': 'ann', 'x-limit-d': 'iphone' },
      body: at(TST, { vel: 36, batt: 80, topic: 'owntracks/ann/iphone' }),
    })
    assert.deepEqual([answer.status, answer.body], [200, []])
    const { body } = await platform.call('GET', '/api/v1/devices/phone-1/last', { caller: ADMIN })
    assert.equal(body.location.speed, 10)
    assert.equal(body.metadata.battery, 80)
  })

  test('others name the device: topic before header, query, user and tid', async () => {
    const user = await basic('by-user', GATEWAY)
    const send = (query: string, headers: Record<string, string>, more: object) =>
      platform.call('POST', `/pub${query}`, { headers: { ...user, ...headers }, body: at(TST, { tid: 't1', ...more }) })
    const header = { 'x-limit-d': 'by-header' }
    const topic = { topic: 'owntracks/ann/by-topic' }
    assert.equal((await send('?u=ann&d=by-query', header, topic)).status, 200)
    assert.equal((await send('?u=ann&d=by-query', header, {})).status, 200)
    assert.equal((await send('?u=ann&d=by-query', {}, {})).status, 200)
    assert.equal((await send('', {}, {})).status, 200)
    const bearer = await platform.call('POST', '/pub', { caller: GATEWAY, body: at(TST, { tid: 't1' }) })
    assert.equal(bearer.status, 200)
    for (const id of ['by-topic', 'by-header', 'by-query', 'by-user', 't1'])
      assert.deepEqual(await timesOf(id), [0], id)
  })

  test('transitions are fixes; all else, a body of no bytes too, is accepted and not kept', async () => {
    const caller = PHONE
    const transition = { ...at(TST + 1), _type: 'transition', event: 'enter', desc: 'home' }
    for (const body of [
      transition,
      { _type: 'lwt', tst: TST },
      { _type: 'waypoint', desc: 'home', lat: 1, lon: 2, tst: TST },
      { _type: 'waypoints', waypoints: [] },
      { _type: 'card', name: 'Ann' },
      { _type: 'cmd', action: 'dump' },
      { _type: 'status' },
      '',
    ]) {
      const answer = await platform.call('POST', '/owntracks', { caller, body })
      assert.deepEqual([answer.status, answer.body], [200, []], JSON.stringify(body))
    }
    const none = await platform.call('POST', '/owntracks', { caller })
    assert.deepEqual([none.status, none.body], [200, []])
    assert.deepEqual(await timesOf('phone-1'), [0, 1])
  })

  test('an encrypted message is opened; one that does not open is refused', async () => {
    const seal = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
    const send = (data: string) =>
      platform.call('POST', '/owntracks', { caller: PHONE, body: { _type: 'encrypted', data } })
    assert.equal((await send(seal(at(TST + 2)))).status, 200)
    assert.deepEqual(await timesOf('phone-1'), [0, 1, 2])
    assert.equal((await send('nonsense')).status, 400)
    assert.equal((await send(seal({ _type: 'encrypted', data: seal(at(TST + 3)) }))).status, 400)
    assert.deepEqual(await timesOf('phone-1'), [0, 1, 2])
  })

  test('a fix that never can be stored is not sent for ever', async () => {
    const answer = await platform.call('POST', '/owntracks', { caller: PHONE, body: at(TST + 4, { lat: 0, lon: 0 }) })
    assert.deepEqual([answer.status, answer.body], [200, []])
    assert.deepEqual(await timesOf('phone-1'), [0, 1, 2])
  })

  test('what cannot be read, no token, an unknown device, a device of others', async () => {
    const codes = async (options: Parameters<HttpPlatform['call']>[2]) => {
      const { status, body } = await platform.call('POST', '/owntracks', options)
      return [status, body.code]
    }
    assert.deepEqual(await codes({ caller: PHONE, body: '{' }), [400, 'payload_not_json'])
    assert.deepEqual(await codes({ caller: PHONE, body: {} }), [400, 'payload_invalid'])
    assert.deepEqual(await codes({ caller: PHONE, body: at(TST, { lat: 91 }) }), [400, 'payload_invalid'])
    assert.deepEqual(await codes({ body: at(TST) }), [401, 'token_missing'])
    assert.deepEqual(await codes({ caller: GATEWAY, body: at(TST) }), [400, 'payload_invalid'])
    assert.deepEqual(await codes({ caller: GATEWAY, body: at(TST, { tid: 'zz' }) }), [404, 'device_unknown'])
    const driver = { role: 'driver' as const, devices: ['by-user'] }
    assert.deepEqual(await codes({ caller: driver, body: at(TST, { tid: 't1' }) }), [403, 'publish_forbidden'])
  })
})
