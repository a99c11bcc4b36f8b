import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DEFAULT_INCIDENT_SETTINGS, type Incident } from '../../../contract/index.ts'
import { ADMIN, type Caller, DISPATCHER, fixAt, type HttpPlatform, square, startHttpPlatform } from './http-platform.ts'

const SETTINGS = '/api/v1/incident-settings'
const PROXIMITY = '/api/v1/proximity'

/** What has to hold of incidents, their settings and the rules of proximity over HTTP, on every database. */
export function incidentsSuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({}, databaseUrl)
  })
  after(() => platform.close())

  const ask = (method: string, url: string, caller: Caller, body?: unknown) =>
    platform.call(method, url, { caller, ...(body !== undefined && { body }) })
  let sent = 0
  /** By the device's own token, which registers it; every fix a time of its own. */
  const send = async (org: string, deviceId: string, more: object = {}) => {
    const body = { ...fixAt(Date.now() - 1_000 + sent++), ...more }
    const { status } = await ask('POST', '/api/tracking/location', { role: 'device', sub: deviceId, org }, body)
    assert.equal(status, 202)
  }
  const list = async (caller: Caller, query = ''): Promise<string[]> => {
    const { status, body } = await ask('GET', `/api/v1/incidents?${query}`, caller)
    assert.equal(status, 200, JSON.stringify(body))
    return body.items.map(({ kind, deviceId, otherDeviceId }: Incident) =>
      [kind, deviceId, otherDeviceId].filter(part => part !== undefined).join(' '),
    )
  }
  const until = async <T>(look: () => Promise<T>, fits: (found: T) => boolean): Promise<T> => {
    for (let tries = 0; ; tries++) {
      const found = await look()
      if (fits(found)) return found
      assert.ok(tries < 500, `what was waited for did not come: ${JSON.stringify(found)}`)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  test('settings of incidents: defaults at first, what is set is read back with them, and replaced as a whole', async () => {
    const org = 'settings'
    const get = async (caller: Caller = DISPATCHER) => (await ask('GET', SETTINGS, { ...caller, org })).body
    assert.deepEqual(await get(), DEFAULT_INCIDENT_SETTINGS)
    const given = { cooldownSeconds: { offline: 5 }, minSeconds: { idle: 60.5 }, storm: { devices: 0 } }
    const answer = await ask('PUT', SETTINGS, { ...ADMIN, org }, given)
    const { cooldownSeconds, minSeconds, storm } = DEFAULT_INCIDENT_SETTINGS
    const complete = {
      cooldownSeconds: { ...cooldownSeconds, offline: 5 },
      minSeconds: { ...minSeconds, idle: 60.5 },
      storm: { ...storm, devices: 0 },
    }
    assert.deepEqual([answer.status, answer.body], [200, complete])
    assert.deepEqual(await get(), complete)
    assert.equal((await ask('PUT', SETTINGS, { ...ADMIN, org }, complete)).status, 200, 'what is read can be put')
    assert.deepEqual(await get(), complete)
    await ask('PUT', SETTINGS, { ...ADMIN, org }, { storm: { windowSeconds: 10 } })
    assert.deepEqual(await get(), { cooldownSeconds, minSeconds, storm: { ...storm, windowSeconds: 10 } })
    assert.deepEqual((await ask('GET', SETTINGS, DISPATCHER)).body, DEFAULT_INCIDENT_SETTINGS, 'another organisation')
    const [row] = await platform.db.query<{ settings: object }>(
      'select settings from incident_settings where org = $1',
      [org],
    )
    assert.deepEqual(row?.settings, { storm: { windowSeconds: 10 } }, 'stored as given: defaults may change')
    await ask('PUT', SETTINGS, { ...ADMIN, org }, {})
    assert.deepEqual(await get(), DEFAULT_INCIDENT_SETTINGS)
  })

  const badSettings: readonly [name: string, body: unknown, path: string][] = [
    ['a kind that is none', { cooldownSeconds: { speeding: 5 } }, '/cooldownSeconds/speeding'],
    ['a negative time', { minSeconds: { idle: -1 } }, '/minSeconds/idle'],
    ['more than a day', { minSeconds: { idle: 86_401 } }, '/minSeconds/idle'],
    ['a text for a number', { cooldownSeconds: { offline: '60' } }, '/cooldownSeconds/offline'],
    ['half a device', { storm: { devices: 2.5 } }, '/storm/devices'],
    ['a window of nothing', { storm: { windowSeconds: 0 } }, '/storm/windowSeconds'],
    ['a setting that is none', { quiet: true }, '/quiet'],
    ['no object', [], '/'],
  ]
  for (const [name, body, path] of badSettings) {
    test(`settings of incidents: ${name} is refused with its path, and nothing changes`, async () => {
      const answer = await ask('PUT', SETTINGS, { ...ADMIN, org: 'bad' }, body)
      assert.deepEqual(
        [answer.status, answer.body.code, answer.body.path],
        [400, 'payload_invalid', path],
        JSON.stringify(answer.body),
      )
      assert.deepEqual((await ask('GET', SETTINGS, { ...ADMIN, org: 'bad' })).body, DEFAULT_INCIDENT_SETTINGS)
    })
  }

  test('settings count from the next event: nothing is listed before it has lasted so long', async () => {
    const org = 'lasting'
    await ask('PUT', '/api/v1/rules', { ...ADMIN, org }, { lowBattery: { limit: 20 } })
    await ask('PUT', SETTINGS, { ...ADMIN, org }, { minSeconds: { 'low-battery': 3_600 } })
    const empty = (deviceId: string) => send(org, deviceId, { metadata: { battery: 5 } })
    await empty('truck')
    await ask('PUT', SETTINGS, { ...ADMIN, org }, {})
    await empty('van')
    const listed = await until(
      () => list({ ...DISPATCHER, org }),
      items => items.length > 0,
    )
    assert.deepEqual(listed, ['low-battery van'])
  })

  test('rules of proximity: made, read back, replaced, taken away; each organisation has its own', async () => {
    const org = 'pairs'
    const rules = async () => (await ask('GET', PROXIMITY, { ...DISPATCHER, org })).body.items
    assert.deepEqual(await rules(), [])
    const pair = { devices: ['guard', 'vip'], nearMeters: 100 }
    const made = await ask('PUT', `${PROXIMITY}/escort`, { ...DISPATCHER, org }, pair)
    assert.deepEqual([made.status, made.body], [201, { id: 'escort', rule: pair }])
    const full = {
      devices: ['guard'],
      group: 'vips',
      nearMeters: 50.5,
      farMeters: 80,
      minSeconds: 10,
      maxAgeSeconds: 300,
      severity: 'high',
    }
    const other = await ask('PUT', `${PROXIMITY}/crew`, { ...DISPATCHER, org }, full)
    assert.deepEqual([other.status, other.body], [201, { id: 'crew', rule: full }])
    assert.deepEqual(await rules(), [
      { id: 'crew', rule: full },
      { id: 'escort', rule: pair },
    ])
    assert.deepEqual((await ask('GET', PROXIMITY, DISPATCHER)).body.items, [])
    assert.equal((await ask('PUT', `${PROXIMITY}/escort`, { ...DISPATCHER, org }, pair)).status, 200, 'the same again')
    const changed = await ask('PUT', `${PROXIMITY}/escort`, { ...DISPATCHER, org }, { ...pair, nearMeters: 60 })
    assert.deepEqual([changed.status, changed.body.rule.nearMeters], [200, 60])
    const stored = await platform.db.query<{ id: string }>(
      'select rule_id as id from proximity_rules where org = $1 order by 1',
      [org],
    )
    assert.deepEqual(
      stored.map(({ id }) => id),
      ['crew', 'escort'],
    )
    assert.equal((await ask('DELETE', `${PROXIMITY}/escort`, DISPATCHER)).status, 404, 'not of another organisation')
    assert.equal((await ask('DELETE', `${PROXIMITY}/escort`, { ...DISPATCHER, org })).status, 204)
    const gone = await ask('DELETE', `${PROXIMITY}/escort`, { ...DISPATCHER, org })
    assert.deepEqual([gone.status, gone.body.code], [404, 'not_found'])
    assert.deepEqual(await rules(), [{ id: 'crew', rule: full }])
  })

  const pair = { devices: ['guard', 'vip'], nearMeters: 100 }
  const badRules: readonly [name: string, body: unknown, path: string][] = [
    ['no devices', { devices: [], nearMeters: 5 }, '/devices'],
    ['three devices', { devices: ['a', 'b', 'c'], nearMeters: 5 }, '/devices'],
    ['a device twice', { devices: ['a', 'a'], nearMeters: 5 }, '/devices'],
    ['a device alone', { devices: ['a'], nearMeters: 5 }, '/devices'],
    ['two devices and a group', { ...pair, group: 'vips' }, '/group'],
    ['an id that is none', { devices: ['a', 'b/c'], nearMeters: 5 }, '/devices/1'],
    ['no distance', { ...pair, nearMeters: 0 }, '/nearMeters'],
    ['far that is nearer than near', { ...pair, farMeters: 99 }, '/farMeters'],
    ['a text for a number', { ...pair, minSeconds: '5' }, '/minSeconds'],
    ['a setting that is none', { ...pair, meters: 5 }, '/meters'],
  ]
  for (const [name, body, path] of badRules) {
    test(`rules of proximity: ${name} is refused with its path`, async () => {
      const answer = await ask('PUT', `${PROXIMITY}/bad`, { ...DISPATCHER, org: 'bad' }, body)
      assert.deepEqual(
        [answer.status, answer.body.code, answer.body.path],
        [400, 'payload_invalid', path],
        JSON.stringify(answer.body),
      )
      assert.deepEqual((await ask('GET', PROXIMITY, { ...DISPATCHER, org: 'bad' })).body.items, [])
    })
  }

  test('a rule of proximity makes incidents that close when it is taken away', async () => {
    const org = 'meeting'
    await ask('PUT', `${PROXIMITY}/escort`, { ...DISPATCHER, org }, pair)
    await send(org, 'guard')
    await send(org, 'vip')
    assert.deepEqual(
      await until(
        () => list({ ...DISPATCHER, org }),
        items => items.length > 0,
      ),
      ['near guard vip'],
    )
    await ask('DELETE', `${PROXIMITY}/escort`, { ...DISPATCHER, org })
    assert.deepEqual(await list({ ...DISPATCHER, org }), [])
    const { body } = await ask('GET', '/api/v1/incidents?state=closed', { ...DISPATCHER, org })
    assert.deepEqual(
      body.items.map(({ closed }: Incident) => closed?.reason),
      ['rule-deleted'],
    )
  })

  test('a user and a driver see incidents of the devices that are theirs, and no others, whatever they ask', async () => {
    const org = 'seen'
    const alarm = square('yard', -8.61, 41.15)
    await ask(
      'PUT',
      '/api/v1/fences/yard',
      { ...ADMIN, org },
      {
        ...alarm,
        properties: { name: 'Yard', severity: 'high' },
      },
    )
    await ask('PUT', SETTINGS, { ...ADMIN, org }, { storm: { devices: 3 } })
    await ask('PUT', '/api/v1/rules', { ...ADMIN, org }, { lowBattery: { limit: 20 } })
    await ask('PUT', `${PROXIMITY}/escort`, { ...ADMIN, org }, { devices: ['van', 'bus'], nearMeters: 100 })
    for (const deviceId of ['truck', 'van', 'bus']) await send(org, deviceId)
    for (const deviceId of ['truck', 'van', 'bus']) await send(org, deviceId, { metadata: { battery: 5 } })
    const desk = { ...DISPATCHER, org }
    const all = await until(
      () => list(desk),
      items => items.length === 5,
    )
    assert.deepEqual(all.toSorted(), ['geofence bus', 'geofence truck', 'geofence van', 'near van bus', 'storm'])

    const ofTruck = ['geofence truck', 'low-battery truck']
    const ofBus = ['geofence bus', 'low-battery bus', 'near van bus']
    const callers: readonly [Caller, readonly string[]][] = [
      [{ role: 'user', devices: ['truck'], org }, ofTruck],
      [{ role: 'driver', devices: ['truck'], org }, ofTruck],
      [{ role: 'driver', devices: ['bus'], org }, ofBus],
      [{ role: 'user', devices: ['truck', 'bus'], org }, [...ofTruck, ...ofBus].sort()],
      [{ role: 'user', devices: ['nobody'], org }, []],
      [{ role: 'user', org }, []],
      [{ role: 'user', devices: ['truck', 'bus'], org: 'elsewhere' }, []],
    ]
    const everything = (await ask('GET', '/api/v1/incidents?state=all', desk)).body.items as Incident[]
    const parts = await ask(
      'GET',
      `/api/v1/incidents?partOf=${everything.find(({ kind }) => kind === 'storm')!.incidentId}`,
      desk,
    )
    const known = [...everything, ...(parts.body.items as Incident[])]
    assert.equal(known.length, 8)
    for (const [caller, mine] of callers) {
      const about = `${caller.role} of ${caller.devices} in ${caller.org}`
      assert.deepEqual((await list(caller)).sort(), mine, about)
      assert.deepEqual((await list(caller, 'state=all&limit=100')).sort(), mine, about)
      assert.deepEqual(
        await list(caller, 'deviceId=van'),
        mine.filter(incident => incident.includes('van')),
        about,
      )
      for (const { incidentId, kind, deviceId, otherDeviceId } of known) {
        const { status, body } = await ask('GET', `/api/v1/incidents/${incidentId}`, caller)
        const name = [kind, deviceId, otherDeviceId].filter(part => part !== undefined).join(' ')
        assert.deepEqual([status, body.code], mine.includes(name) ? [200, undefined] : [404, 'incident_unknown'], about)
        const answer = await ask('POST', `/api/v1/incidents/${incidentId}/close`, caller)
        assert.deepEqual([answer.status, answer.body.code], [403, 'forbidden'], about)
      }
      assert.equal((await ask('POST', '/api/v1/incidents/acknowledge', caller, { ids: ['in-1'] })).status, 403)
      for (const url of [SETTINGS, PROXIMITY]) assert.equal((await ask('GET', url, caller)).status, 403, about)
    }
    assert.equal((await list(desk)).length, 5, 'nobody closed anything')
  })
}
