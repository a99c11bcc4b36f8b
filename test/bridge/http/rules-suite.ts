import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DeviceEvent } from '../../../contract/index.ts'
import { ADMIN, DISPATCHER, GATEWAY, type HttpPlatform, square, startHttpPlatform } from './http-platform.ts'

const T0 = Date.UTC(2026, 0, 1)
const RULES = '/api/v1/rules'

/** What has to hold of the settings of rules on every database. */
export function rulesSuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({}, databaseUrl)
    const devices = { 'truck-1': ['vans', 'north'], 'truck-2': [], 'truck-3': [], 'truck-4': ['vans'] }
    for (const [id, groups] of Object.entries(devices)) {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id, groups } })
    }
  })
  after(() => platform.close())

  const put = (place: string, body: unknown, org = 'demo') =>
    platform.call('PUT', `${RULES}${place}`, { caller: { ...DISPATCHER, org }, body })
  const get = async (place: string, org = 'demo') =>
    (await platform.call('GET', `${RULES}${place}`, { caller: { ...ADMIN, org } })).body
  const effective = async (deviceId: string) =>
    (await platform.call('GET', `/api/v1/devices/${deviceId}/rules`, { caller: ADMIN })).body
  /** One fix after the other, so that each is committed before the next. */
  const drive = async (deviceId: string, second: number, ...speeds: number[]) => {
    for (const [i, speed] of speeds.entries()) {
      const body = { deviceId, timestamp: T0 + (second + i) * 1_000, location: { lat: 50, lng: 5 + i / 1_000, speed } }
      assert.equal((await platform.call('POST', '/api/tracking/location', { caller: GATEWAY, body })).status, 202)
    }
  }
  const alerts = async (query: string): Promise<string[]> => {
    const { body } = await platform.call('GET', `/api/v1/alerts?${query}`, { caller: ADMIN })
    return body.items.map(({ event, phase, timestamp }: DeviceEvent) => `${event} ${phase} ${(timestamp - T0) / 1_000}`)
  }

  test('nothing is set at first; what is set is read back, replaced as a whole, and taken away', async () => {
    assert.deepEqual(await get(''), {})
    assert.deepEqual(await get('/groups/vans'), {})
    const first = { overspeed: { limit: 20, tolerance: 1 }, idle: { seconds: 120 } }
    const answer = await put('/groups/vans', first)
    assert.deepEqual([answer.status, answer.body], [200, first])
    assert.deepEqual(await get('/groups/vans'), first)
    await put('/groups/vans', { tow: {}, idle: null })
    assert.deepEqual(await get('/groups/vans'), { tow: {}, idle: null })
    assert.deepEqual(await get('/groups/vans', 'other'), {}, 'another organisation')
    for (const _ of [1, 2]) {
      assert.equal((await platform.call('DELETE', `${RULES}/groups/vans`, { caller: ADMIN })).status, 204)
    }
    assert.deepEqual(await get('/groups/vans'), {})
  })

  test('a device that is moved to another group has its rules from then on', async () => {
    await put('/groups/old', { overspeed: { limit: 10 } })
    await put('/groups/new', { lowBattery: { limit: 15 } })
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'moved', name: 'M', groups: ['old'] } })
    const change = (body: unknown, id = 'moved', caller = ADMIN) =>
      platform.call('PATCH', `/api/v1/devices/${id}`, { caller, body })
    const { status, body } = await change({ groups: ['new'] })
    assert.deepEqual([status, body.name, body.groups], [200, 'M', ['new']])
    assert.deepEqual((await effective('moved')).rules, { lowBattery: { limit: 15 } })
    assert.deepEqual((await change({ name: 'N' })).body.groups, ['new'], 'what is left out stays')
    assert.equal((await change({ groups: [] }, 'nobody')).body.code, 'device_unknown')
    assert.equal((await change({ groups: [] }, 'moved', { ...ADMIN, org: 'other' })).body.code, 'device_unknown')
    for (const bad of [{}, { groups: 'new' }, { groups: ['a b'] }, { id: 'x' }])
      assert.equal((await change(bad)).body.code, 'payload_invalid', JSON.stringify(bad))
    for (const group of ['old', 'new']) await platform.call('DELETE', `${RULES}/groups/${group}`, { caller: ADMIN })
  })

  test('the narrower wins, rule by rule; of several groups the last in the alphabet; null is off', async () => {
    await put('', { overspeed: { limit: 30 }, idle: { seconds: 600 }, lowBattery: { limit: 10 } })
    await put('/groups/north', { overspeed: { limit: 25 }, tow: {} })
    await put('/groups/vans', { overspeed: { limit: 22, tolerance: 1 } })
    await put('/devices/truck-1', { idle: null, motion: {} })
    assert.deepEqual(await effective('truck-1'), {
      deviceId: 'truck-1',
      groups: ['vans', 'north'],
      rules: {
        overspeed: { limit: 22, tolerance: 1 },
        idle: null,
        lowBattery: { limit: 10 },
        tow: {},
        motion: {},
      },
      sources: {
        overspeed: { scope: 'group', id: 'vans' },
        idle: { scope: 'device', id: 'truck-1' },
        lowBattery: { scope: 'organisation' },
        tow: { scope: 'group', id: 'north' },
        motion: { scope: 'device', id: 'truck-1' },
      },
    })
    assert.deepEqual(Object.keys((await effective('truck-2')).rules).sort(), ['idle', 'lowBattery', 'overspeed'])
    for (const place of ['', '/groups/north', '/groups/vans', '/devices/truck-1']) {
      await platform.call('DELETE', `${RULES}${place}`, { caller: DISPATCHER })
    }
    assert.deepEqual((await effective('truck-1')).rules, {})
  })

  const refused: readonly [name: string, body: unknown, path: string, detail: RegExp][] = [
    ['a number out of range', { overspeed: { limit: -3 } }, '/overspeed/limit', /\/overspeed\/limit/],
    ['a text for a number', { idle: { seconds: '60' } }, '/idle/seconds', /number/],
    ['a setting that is none', { tow: { meters: 5 } }, '/tow/meters', /not a known key/],
    ['a rule that is none', { speeding: { limit: 5 } }, '/speeding', /not a known key/],
    ['a rule without its limit', { lowBattery: {} }, '/lowBattery', /limit/],
    ['no object', [], '/', /object/],
    [
      'a route without a width',
      {
        offRoute: {
          route: [
            [5, 50],
            [6, 50],
          ],
        },
      },
      '/offRoute',
      /bufferMeters/,
    ],
    ['a corridor twice', { offRoute: { fenceId: 'x', bufferMeters: 10 } }, '/offRoute', /either/],
    [
      'a route off the earth',
      {
        offRoute: {
          route: [
            [5, 50],
            [6, 95],
          ],
          bufferMeters: 9,
        },
      },
      '/offRoute/route/1',
      /latitude 95/,
    ],
    ['a fence that is not there', { offRoute: { fenceId: 'no-such' } }, '/offRoute/fenceId', /no fence no-such/],
    [
      'a fence that is no corridor',
      { offRoute: { fenceId: 'yard' } },
      '/offRoute/fenceId',
      /a Polygon, not a corridor/,
    ],
  ]
  for (const [name, body, path, detail] of refused) {
    test(`${name} is refused with its path`, async () => {
      await platform.call('PUT', '/api/v1/fences/yard', { caller: ADMIN, body: square('yard', 20, 20) })
      const answer = await put('/devices/truck-2', body)
      assert.deepEqual(
        [answer.status, answer.body.code, answer.body.path],
        [400, 'payload_invalid', path],
        answer.body.detail,
      )
      assert.match(answer.body.detail, detail)
      assert.deepEqual(await get('/devices/truck-2'), {})
    })
  }

  test('a device that is not registered has no rules, and no body is no rules', async () => {
    for (const [method, url] of [
      ['GET', `${RULES}/devices/nobody`],
      ['PUT', `${RULES}/devices/nobody`],
      ['GET', '/api/v1/devices/nobody/rules'],
    ] as const) {
      const { status, body } = await platform.call(method, url, {
        caller: ADMIN,
        ...(method === 'PUT' && { body: {} }),
      })
      assert.deepEqual([status, body.code], [404, 'device_unknown'])
    }
    assert.equal((await platform.call('PUT', RULES, { caller: ADMIN })).body.code, 'payload_not_json')
  })

  test('rules count from the next fix: what is open ends when they are switched off', async () => {
    await drive('truck-3', 0, 30, 30)
    await put('/devices/truck-3', { overspeed: { limit: 20 } })
    await drive('truck-3', 10, 30, 31)
    assert.deepEqual(await alerts('deviceId=truck-3'), ['overspeed begin 10'])
    await put('/devices/truck-3', { overspeed: null })
    await drive('truck-3', 20, 30, 30)
    assert.deepEqual(await alerts('deviceId=truck-3&event=overspeed'), ['overspeed end 20', 'overspeed begin 10'])
  })

  test('a replay runs the rules that are in force, or others', async () => {
    await drive('truck-2', 0, 15, 15)
    await put('/devices/truck-2', { overspeed: { limit: 10 } })
    const replay = async (body: object) => {
      const answer = await platform.call('POST', '/api/v1/replay', {
        caller: ADMIN,
        body: { deviceId: 'truck-2', ...body },
      })
      return (answer.body.events as DeviceEvent[]).map(({ event, phase, limit }) => `${event} ${phase} ${limit}`)
    }
    assert.deepEqual(await replay({}), ['overspeed begin 10'])
    assert.deepEqual(await replay({ rules: { overspeed: { limit: 12 } } }), ['overspeed begin 12'])
    assert.deepEqual(await replay({ rules: {} }), [])
  })

  test('a device that comes to another group comes to its rules', async () => {
    await put('/groups/slow', { overspeed: { limit: 10 } })
    await drive('truck-4', 0, 15, 15)
    await platform.ingest.registerDevice({ org: 'demo', deviceId: 'truck-4', groups: ['slow'] })
    await drive('truck-4', 10, 15, 15)
    await platform.ingest.registerDevice({ org: 'demo', deviceId: 'truck-4', groups: [] })
    await drive('truck-4', 20, 15, 15)
    assert.deepEqual(await alerts('deviceId=truck-4'), ['overspeed end 20', 'overspeed begin 10'])
  })
}
