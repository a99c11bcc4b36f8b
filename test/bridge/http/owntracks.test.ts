import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TrackwireError } from '../../../contract/index.ts'
import { ADMIN, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const TST = Date.UTC(2026, 0, 1) / 1_000
const PHONE = { role: 'device' as const, sub: 'phone-1' }
const GATEWAY = { role: 'service' as const }
const at = (tst: number, more = {}) => ({ _type: 'location', lat: 41.15, lon: -8.61, tst, ...more })

const seal = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')

describe('OwnTracks over HTTP', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({
      ownTracks: {
        open(data) {
          if (data === 'nonsense') throw new TrackwireError('payload_invalid', 'the key does not fit')
          return JSON.parse(Buffer.from(data, 'base64').toString())
        },
        seal,
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

  const home = { _type: 'waypoint', desc: 'home', lat: 41.15, lon: -8.61, rad: 150, tst: 77 }
  const say = (body: unknown, caller: object = PHONE) =>
    platform.call('POST', '/owntracks', { caller: caller as typeof PHONE, body })
  const fence = async (id: string) => {
    const { status, body } = await platform.call('GET', `/api/v1/fences/${id}`, { caller: ADMIN })
    return status === 200 ? body : null
  }
  const put = (id: string, feature: object) =>
    platform.call('PUT', `/api/v1/fences/${id}`, { caller: ADMIN, body: feature })

  test('a place becomes a circle for this phone alone; changed with it, gone with it, and the same again changes nothing', async () => {
    assert.equal(
      (await say({ _type: 'waypoints', waypoints: [home, { ...home, tst: 78 }, { desc: 'bad' }] })).status,
      200,
    )
    const circle = {
      type: 'Feature',
      id: 'owntracks.phone-1.77',
      geometry: { type: 'Point', coordinates: [-8.61, 41.15] },
      properties: { name: 'home', radius: 150, appliesTo: { devices: ['phone-1'] }, tags: ['owntracks'] },
    }
    assert.deepEqual(await fence('owntracks.phone-1.77'), circle)
    assert.notEqual(await fence('owntracks.phone-1.78'), null)
    await say(home)
    await say({ ...home, rad: 200 })
    assert.equal((await fence('owntracks.phone-1.77')).properties.radius, 200)
    await say({ ...home, rad: 0 })
    assert.equal(await fence('owntracks.phone-1.77'), null)
    await say({ ...home, rad: 0 })
    const { body } = await platform.call('GET', '/api/v1/admin/audit?actor=phone-1', { caller: ADMIN })
    assert.deepEqual(
      body.items.map(({ action, target }: { action: string; target: string }) => `${action} ${target.slice(-2)}`),
      ['fence.delete 77', 'fence.put 77', 'fence.put 78', 'fence.put 77'],
    )
  })

  test('what others made stays: a fence of that id, one that was changed, one that was deleted', async () => {
    const mine = { type: 'Feature', geometry: { type: 'Point', coordinates: [1, 2] }, properties: { radius: 9 } }
    await put('owntracks.phone-1.80', mine)
    await say({ ...home, tst: 80 })
    assert.equal((await fence('owntracks.phone-1.80')).properties.radius, 9)
    await say({ ...home, tst: 80, rad: 0 })
    assert.notEqual(await fence('owntracks.phone-1.80'), null)

    await say({ ...home, tst: 81 })
    await put('owntracks.phone-1.81', mine)
    for (const rad of [150, 300, 0]) await say({ ...home, tst: 81, rad })
    assert.equal((await fence('owntracks.phone-1.81')).properties.radius, 9)

    await say({ ...home, tst: 82 })
    await platform.call('DELETE', '/api/v1/fences/owntracks.phone-1.82', { caller: ADMIN })
    await say({ ...home, tst: 82 })
    assert.equal(await fence('owntracks.phone-1.82'), null)
    await say({ ...home, tst: 82, desc: 'moved' })
    assert.equal((await fence('owntracks.phone-1.82')).properties.name, 'moved')
  })

  test('a place of another device, of nobody’s device, of another organisation; a phone has a hundred at the most', async () => {
    const driver = { role: 'driver', devices: ['by-user'] }
    assert.equal((await say({ ...home, topic: 'owntracks/ann/t1' }, driver)).status, 403)
    assert.equal((await say({ ...home, topic: 'owntracks/ann/by-user' }, driver)).status, 200)
    assert.equal((await say({ ...home, topic: 'owntracks/ann/nobody' }, GATEWAY)).status, 404)
    const stranger = { role: 'device', sub: 'phone-1', org: 'other' }
    assert.equal((await say({ ...home, tst: 90 }, stranger)).status, 200)
    assert.equal(await fence('owntracks.phone-1.90'), null)
    const full = { role: 'device', sub: 'full' }
    await say({ ...home, tst: 99 }, full)
    await platform.db.query(
      `insert into owntracks_waypoints (org, device_id, created_seconds, fence_id)
       select 'demo', 'full', tst, 'owntracks.full.' || tst from generate_series(0, 98) as tst`,
    )
    await say({ ...home, tst: 100 }, full)
    assert.notEqual(await fence('owntracks.full.99'), null)
    assert.equal(await fence('owntracks.full.100'), null)
  })

  test('a position is answered with the friends that the token may see, and their cards; sealed when it was', async () => {
    const face = 'iVBORw0KGgoAAAANSUhEUg=='
    await say({ _type: 'card', name: 'Ann', face })
    await say(at(TST + 50, { tid: 'an', vel: 36 }))
    await say(at(TST + 50), { role: 'device', sub: 'phone-1', org: 'other' })
    const acl = [{ permission: 'allow', action: 'subscribe', topic: 'demo/devices/phone-1/last' }]
    const friend = { role: 'device', sub: 'phone-2', acl }
    const { body } = await say(at(TST + 60), friend)
    const topic = 'owntracks/demo/phone-1'
    assert.deepEqual(body, [
      { _type: 'location', topic, tid: 'an', lat: 41.15, lon: -8.61, tst: TST + 50, vel: 36 },
      { _type: 'card', topic, tid: 'an', name: 'Ann', face },
    ])
    assert.deepEqual((await say(at(TST + 61), { role: 'device', sub: 'phone-2' })).body, [])
    const driver = { role: 'driver', sub: 'ann', devices: ['by-user', 'phone-2'] }
    const seen = (await say(at(TST + 62, { topic: 'owntracks/ann/by-user' }), driver)).body
    assert.deepEqual(
      seen.map((object: { topic: string }) => object.topic),
      ['owntracks/demo/phone-2'],
      'its own phone is no friend, and what it may not see neither',
    )
    const sealed = (await say({ _type: 'encrypted', data: seal(at(TST + 63)) }, friend)).body
    assert.deepEqual(
      sealed.map(({ data }: { data: string }) => JSON.parse(Buffer.from(data, 'base64').toString())),
      body,
    )
  })
})
