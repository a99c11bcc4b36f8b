import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createUser, recordAudit } from '../../../bridge/index.ts'
import {
  ADMIN,
  type Caller,
  DISPATCHER,
  GATEWAY,
  type HttpPlatform,
  square,
  startHttpPlatform,
} from './http-platform.ts'

interface Entry {
  readonly id: number
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly detail: Record<string, unknown> | null
  readonly address: string | null
}

const CORRIDOR = {
  type: 'Feature',
  id: 'route-1',
  geometry: {
    type: 'LineString',
    coordinates: [
      [-8.62, 41.14],
      [-8.61, 41.15],
    ],
  },
  properties: { buffer: 50 },
}

export function auditSuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  const org = 'audited'
  const admin: Caller = { ...ADMIN, org, sub: 'ana' }
  const dispatcher: Caller = { ...DISPATCHER, org, sub: 'dan' }

  before(async () => {
    platform = await startHttpPlatform({}, databaseUrl)
  })
  after(() => platform.close())

  const entries = async (query = '', caller = admin): Promise<Entry[]> => {
    const { status, body } = await platform.call('GET', `/api/v1/admin/audit${query}`, { caller })
    assert.equal(status, 200, JSON.stringify(body))
    return body.items
  }
  const done = async (method: string, url: string, body: unknown, caller: Caller): Promise<void> => {
    const answer = await platform.call(method, url, { caller, ...(body !== undefined && { body }) })
    assert.ok(answer.status < 300, `${method} ${url}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  // In order: each needs those before it.
  const acts: readonly [method: string, url: string, body: unknown, caller: Caller, action: string, target: string][] =
    [
      ['POST', '/api/v1/devices', { id: 'truck-7', name: 'Truck' }, admin, 'device.register', 'truck-7'],
      ['PATCH', '/api/v1/devices/truck-7', { groups: ['north'] }, admin, 'device.change', 'truck-7'],
      ['POST', '/api/v1/fences', square('yard', -8.6, 41.1), dispatcher, 'fence.create', 'yard'],
      ['PUT', '/api/v1/fences/yard', square(undefined, -8.7, 41.2), dispatcher, 'fence.put', 'yard'],
      [
        'POST',
        '/api/v1/fences/import',
        { type: 'FeatureCollection', features: [CORRIDOR] },
        admin,
        'fence.import',
        'fences',
      ],
      ['DELETE', '/api/v1/fences/yard', undefined, dispatcher, 'fence.delete', 'yard'],
      ['PUT', '/api/v1/rules', { overspeed: { limit: 25 } }, dispatcher, 'rules.put', 'organisation'],
      ['PUT', '/api/v1/rules/groups/north', { overspeed: null }, dispatcher, 'rules.put', 'group:north'],
      ['DELETE', '/api/v1/rules/groups/north', undefined, dispatcher, 'rules.delete', 'group:north'],
      [
        'PUT',
        '/api/v1/incident-settings',
        { storm: { devices: 30 } },
        admin,
        'incident-settings.put',
        'incident-settings',
      ],
      ['PUT', '/api/v1/sos/policy', { tiers: [] }, admin, 'sos-policy.put', 'sos-policy'],
      [
        'PUT',
        '/api/v1/proximity/pair',
        { devices: ['truck-7', 'van-1'], nearMeters: 50 },
        dispatcher,
        'proximity.put',
        'pair',
      ],
      ['DELETE', '/api/v1/proximity/pair', undefined, dispatcher, 'proximity.delete', 'pair'],
      ['PUT', '/api/v1/devices/truck-7/clock-offset', { offsetSeconds: 3_600 }, dispatcher, 'clock.correct', 'truck-7'],
      ['DELETE', '/api/v1/devices/truck-7/clock-offset', undefined, dispatcher, 'clock.correct', 'truck-7'],
    ]
  for (const [method, url, body, caller, action, target] of acts) {
    test(`is written down: ${method} ${url}`, async () => {
      const before = (await entries()).length
      await done(method, url, body, caller)
      const [newest, ...others] = await entries()
      assert.equal(others.length, before, 'one entry')
      assert.equal(newest?.actor, caller.sub)
      assert.equal(newest?.action, action)
      assert.equal(newest?.target, target)
      assert.equal(newest?.address, '127.0.0.1')
    })
  }

  test('the judgement of fixes that were set aside is written down', async () => {
    const future = { ...fixOf('truck-7'), timestamp: Date.now() + 3_600_000 }
    for (const timestamp of [future.timestamp, future.timestamp + 1, future.timestamp + 2]) {
      await done('POST', '/api/tracking/location', { ...future, timestamp }, { ...GATEWAY, org })
    }
    const { body } = await platform.call('GET', '/api/v1/set-aside', { caller: dispatcher })
    const [first, second] = body.items
    await done('POST', `/api/v1/set-aside/${first.id}/drop`, undefined, dispatcher)
    await done('POST', `/api/v1/set-aside/${second.id}/accept`, { timestamp: Date.now() - 1_000 }, dispatcher)
    await done('POST', '/api/v1/set-aside/drop', { deviceId: 'truck-7' }, dispatcher)
    assert.deepEqual(
      (await entries('?action=set-aside')).map(({ action, target }) => [action, target]),
      [
        ['set-aside.drop', 'truck-7'],
        ['set-aside.accept', String(second.id)],
        ['set-aside.drop', String(first.id)],
      ],
    )
  })

  test('what was refused, and what changed nothing, leaves no entry', async () => {
    const before = (await entries()).length
    const refused: [string, string, unknown, Caller][] = [
      ['DELETE', '/api/v1/fences/nowhere', undefined, dispatcher],
      ['POST', '/api/v1/devices', { id: 'truck-7' }, admin],
      ['PUT', '/api/v1/fences/bad', { type: 'Feature', geometry: null, properties: {} }, dispatcher],
      ['DELETE', '/api/v1/proximity/none', undefined, dispatcher],
      ['PUT', '/api/v1/rules', { overspeed: { limit: 25 } }, { role: 'user', org }],
    ]
    for (const [method, url, body, caller] of refused) {
      const { status } = await platform.call(method, url, { caller, ...(body !== undefined && { body }) })
      assert.ok(status >= 400, `${method} ${url}`)
    }
    await done('PUT', '/api/v1/rules', { overspeed: { limit: 25 } }, dispatcher)
    assert.equal((await entries()).length, before)
  })

  test('logging in and out is written down, a wrong password is no act', async () => {
    await createUser(platform.db, { org, username: 'eva', role: 'user', password: 'right words' })
    const body = { username: 'eva', password: 'right words' }
    await platform.call('POST', '/api/v1/auth/login', { body: { ...body, password: 'wrong words' } })
    const { body: session } = await platform.call('POST', '/api/v1/auth/login', { body })
    const logout = { body: { refreshToken: session.refreshToken } }
    await platform.call('POST', '/api/v1/auth/logout', logout)
    await platform.call('POST', '/api/v1/auth/logout', logout)
    assert.deepEqual(
      (await entries('?actor=eva')).map(({ action, target }) => [action, target]),
      [
        ['session.logout', 'eva'],
        ['session.login', 'eva'],
      ],
    )
  })

  test('filters by actor, action, target and time; pages without gaps', async () => {
    const all = await entries('?limit=1000')
    assert.deepEqual(
      await entries('?actor=ana&limit=1000'),
      all.filter(({ actor }) => actor === 'ana'),
    )
    assert.deepEqual(
      await entries('?action=fence&limit=1000'),
      all.filter(({ action }) => action.startsWith('fence.')),
    )
    assert.deepEqual(
      await entries('?action=fence.put'),
      all.filter(({ action }) => action === 'fence.put'),
    )
    assert.deepEqual(await entries('?action=fenc'), [])
    assert.deepEqual(
      await entries('?target=truck-7'),
      all.filter(({ target }) => target === 'truck-7'),
    )
    const { at } = all[4]!
    assert.deepEqual(
      await entries(`?from=${at}&limit=1000`),
      all.filter(entry => entry.at >= at),
    )
    assert.deepEqual(
      await entries(`?to=${at}&limit=1000`),
      all.filter(entry => entry.at < at),
    )
    const paged: Entry[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const { body } = await platform.call('GET', `/api/v1/admin/audit?limit=4${query}`, { caller: admin })
      paged.push(...body.items)
      cursor = body.next
    }
    assert.deepEqual(paged, all)
  })

  test('only administrators read it, and each only of their own organisation', async () => {
    const { status } = await platform.call('GET', '/api/v1/admin/audit', { caller: dispatcher })
    assert.equal(status, 403)
    assert.deepEqual(await entries('', { ...ADMIN, org: 'elsewhere' }), [])
  })

  test('nobody changes it: the database refuses updates, deletions and truncation', async () => {
    const before = await entries('?limit=1000')
    for (const sql of ["update audit_log set actor = 'nobody'", 'delete from audit_log', 'truncate audit_log']) {
      await assert.rejects(platform.db.query(sql), /append-only/, sql)
    }
    assert.deepEqual(await entries('?limit=1000'), before)
  })

  test('no password and no token gets into it, whatever a caller puts into the detail', async () => {
    const jwt = await platform.token(admin)
    const detail = { password: 'hunter2', inner: [{ refreshToken: 'abc' }], name: `a ${jwt} b`, nul: 'a\0b' }
    await recordAudit(platform.db, { org, actor: 'x', action: 'test.secret', target: 'y', detail }, 1)
    const [entry] = await entries('?action=test.secret')
    assert.deepEqual(entry?.detail, {
      password: '[struck out]',
      inner: [{ refreshToken: '[struck out]' }],
      name: 'a [struck out] b',
      nul: 'a\ufffdb',
    })
    const rows = await platform.db.query('select * from audit_log')
    assert.doesNotMatch(JSON.stringify(rows), /eyJ|hunter2|right words|wrong words/)
  })

  test('an act and its entry are one transaction: neither is without the other', async () => {
    const before = (await entries()).length
    await assert.rejects(
      platform.db.transaction(async tx => {
        await recordAudit(tx, { org, actor: 'ana', action: 'test.undone', target: 'x' }, 1)
        throw new Error('undone')
      }),
      /undone/,
    )
    assert.equal((await entries()).length, before)
  })
}

function fixOf(deviceId: string): Record<string, unknown> {
  return { deviceId, location: { lat: 41.15, lng: -8.61 } }
}
