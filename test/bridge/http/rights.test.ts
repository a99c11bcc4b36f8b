import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ROLES, type Role } from '../../../contract/index.ts'
import { ADMIN, fixAt, GATEWAY, type HttpPlatform, square, startHttpPlatform } from './http-platform.ts'

const EVERYONE = ROLES
const NOT_DEVICES: readonly Role[] = ROLES.filter(role => role !== 'device')
const DISPATCHERS: readonly Role[] = ['dispatcher', 'admin']
/** Who may send for truck-1: itself, its driver, a gateway. */
const PEOPLE: readonly Role[] = ['driver', 'user', 'dispatcher', 'admin']
const COMMAND_READERS: readonly Role[] = ['driver', 'dispatcher', 'admin', 'service']
const SENDERS: readonly Role[] = ['device', 'driver', 'service']

describe('rights', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'truck-1' } })
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'truck-2' } })
    for (const deviceId of ['truck-1', 'truck-2']) {
      await platform.call('POST', '/api/tracking/location', {
        caller: GATEWAY,
        body: { ...fixAt(1_700_000_000_000), deviceId },
      })
    }
    await platform.call('PUT', '/api/v1/fences/home', { caller: ADMIN, body: square('home', -8.61, 41.15) })
  })
  after(() => platform.close())

  /** Each role as a person of it would come: with truck-1 as its own or granted device. */
  const callerOf = (role: Role) => ({ role, sub: role === 'device' ? 'truck-1' : `${role}-1`, devices: ['truck-1'] })

  const fix = { ...fixAt(1_700_000_001_000), deviceId: 'truck-1' }
  const sos = { action: 'cancel', id: 'never-sent', timestamp: 1_700_000_000_000 }
  const routes: readonly [method: string, url: string, roles: readonly Role[], body?: unknown][] = [
    ['POST', '/api/v1/auth/socket-token', EVERYONE],
    ['POST', '/api/v1/auth/codes', EVERYONE],
    ['GET', '/api/v1/admin/audit', ['admin']],
    ['GET', '/api/v1/admin/keys', ['admin']],
    ['POST', '/api/v1/admin/keys/rotate', ['admin']],
    ['POST', '/api/v1/admin/keys/none/retire', ['admin']],
    ['GET', '/api/v1/admin/access?principal=truck-1&action=publish&topic=x', ['admin']],
    ['POST', '/api/v1/admin/access', ['admin'], { token: 'none', action: 'publish', topic: 'x' }],
    ['GET', '/api/v1/auth/me', EVERYONE],
    ['POST', '/api/v1/auth/password', EVERYONE, { oldPassword: '', newPassword: '' }],
    ['GET', '/api/v1/users', ['admin']],
    ['POST', '/api/v1/users', ['admin'], { id: 'ann', role: 'user', password: null }],
    ['GET', '/api/v1/users/ann', ['admin']],
    ['PATCH', '/api/v1/users/ann', ['admin'], { role: 'admin' }],
    ['POST', '/api/v1/users/ann/password-reset', ['admin']],
    ['DELETE', '/api/v1/users/ann', ['admin']],
    ['GET', '/api/v1/groups', DISPATCHERS],
    ['GET', '/api/v1/admin/bans', ['admin']],
    ['POST', '/api/v1/admin/bans', ['admin'], { sub: 'nobody' }],
    ['DELETE', '/api/v1/admin/bans/nobody', ['admin']],
    ['GET', '/api/v1/admin/revocations', ['admin']],
    ['POST', '/api/v1/admin/revocations', ['admin'], { jti: 'none' }],
    ['POST', '/api/v1/devices/truck-2/token', ['admin']],
    ['POST', '/api/v1/devices/truck-1/phone-setup', ['admin'], {}],
    ['DELETE', '/api/v1/devices/truck-2/tokens', ['admin']],
    ['POST', '/api/tracking/location', SENDERS, fix],
    ['POST', '/api/tracking/batch', SENDERS, [fix]],
    ['GET', '/osmand?id=truck-1&lat=41.15&lon=-8.61&timestamp=1700000003', SENDERS],
    ['POST', '/osmand?id=truck-1&lat=41.15&lon=-8.61&timestamp=1700000004', SENDERS],
    ['POST', '/owntracks?d=truck-1', SENDERS, { _type: 'location', lat: 41.15, lon: -8.61, tst: 1_700_000_005 }],
    ['POST', '/pub?d=truck-1', SENDERS, { _type: 'location', lat: 41.15, lon: -8.61, tst: 1_700_000_006 }],
    ['GET', '/api/v1/devices', EVERYONE],
    ['HEAD', '/api/v1/stream?topics=demo/fences/%23', EVERYONE],
    ['POST', '/api/v1/devices', ['admin'], { id: 'truck-3' }],
    ['GET', '/api/v1/devices/truck-1', EVERYONE],
    ['PATCH', '/api/v1/devices/truck-1', ['admin'], { name: 'One' }],
    ['POST', '/api/v1/devices/import', ['admin'], []],
    ['GET', '/api/v1/devices/inbox', ['admin']],
    ['POST', '/api/v1/devices/inbox/truck-1/adopt', ['admin'], {}],
    ['DELETE', '/api/v1/devices/inbox/truck-1', ['admin']],
    ['POST', '/api/v1/claim-codes', ['admin'], {}],
    ['GET', '/api/v1/devices/truck-1/claim-codes', ['admin']],
    ['POST', '/api/v1/devices/truck-1/claim-codes', ['admin'], {}],
    ['DELETE', '/api/v1/devices/truck-1/claim-codes/1', ['admin']],
    ['GET', '/api/v1/devices/truck-1/certificates', ['admin']],
    ['DELETE', `/api/v1/devices/truck-1/certificates/${'0'.repeat(64)}`, ['admin']],
    ['GET', '/api/v1/devices/truck-1/tracker', ['admin']],
    ['DELETE', '/api/v1/devices/truck-1/tracker', ['admin']],
    ['GET', '/api/v1/devices/truck-1/last', EVERYONE],
    ['GET', '/api/v1/devices/truck-1/history', EVERYONE],
    ['GET', '/api/v1/devices/truck-1/trips', EVERYONE],
    ['POST', '/api/v1/devices/truck-1/import', ['admin']],
    ['POST', '/api/v1/devices/truck-1/sos', SENDERS, sos],
    ['POST', '/api/v1/devices/truck-1/commands', DISPATCHERS, { name: 'locate' }],
    ['GET', '/api/v1/devices/truck-1/commands', COMMAND_READERS],
    ['GET', '/api/v1/devices/truck-1/commands/types', COMMAND_READERS],
    ['GET', '/api/v1/devices/truck-1/commands/none', COMMAND_READERS],
    ['POST', '/api/v1/devices/truck-1/commands/none/confirm', DISPATCHERS],
    ['POST', '/api/v1/devices/truck-1/commands/none/cancel', DISPATCHERS],
    ['GET', '/api/v1/fences', EVERYONE],
    ['GET', '/api/v1/fences/home', EVERYONE],
    ['POST', '/api/v1/fences', DISPATCHERS, square(undefined, 1, 1)],
    ['PUT', '/api/v1/fences/work', DISPATCHERS, square('work', 2, 2)],
    ['DELETE', '/api/v1/fences/work', DISPATCHERS],
    ['POST', '/api/v1/fences/import', DISPATCHERS, { type: 'FeatureCollection', features: [] }],
    ['GET', '/api/v1/devices/truck-1/rules', DISPATCHERS],
    ...['', '/groups/vans', '/devices/truck-1'].flatMap((place): [string, string, readonly Role[], unknown?][] => [
      ['GET', `/api/v1/rules${place}`, DISPATCHERS],
      ['PUT', `/api/v1/rules${place}`, DISPATCHERS, { lowBattery: { limit: 15 } }],
      ['DELETE', `/api/v1/rules${place}`, DISPATCHERS],
    ]),
    ['GET', '/api/v1/alerts', NOT_DEVICES],
    ['GET', '/api/v1/devices/truck-1/explain', NOT_DEVICES],
    ['POST', '/api/v1/replay', NOT_DEVICES, { deviceId: 'truck-1' }],
    ['GET', '/api/v1/sos?state=all', NOT_DEVICES],
    ['GET', '/api/v1/sos/none', NOT_DEVICES],
    ['GET', '/api/v1/sos/none/trail', NOT_DEVICES],
    ['GET', '/api/v1/sos/policy', DISPATCHERS],
    ['PUT', '/api/v1/sos/policy', ['admin'], { tiers: [] }],
    ['POST', '/api/v1/sos/none/acknowledge', DISPATCHERS, {}],
    ['POST', '/api/v1/sos/none/escalate', DISPATCHERS, {}],
    ['POST', '/api/v1/sos/none/resolve', DISPATCHERS, {}],
    ['GET', '/api/v1/incidents', NOT_DEVICES],
    ['GET', '/api/v1/incidents/none', NOT_DEVICES],
    ['POST', '/api/v1/incidents/none/acknowledge', DISPATCHERS, {}],
    ['POST', '/api/v1/incidents/none/close', DISPATCHERS, {}],
    ['POST', '/api/v1/incidents/acknowledge', DISPATCHERS, { ids: ['none'] }],
    ['GET', '/api/v1/proximity', DISPATCHERS],
    ['PUT', '/api/v1/proximity/none', DISPATCHERS, { devices: ['a', 'b'], nearMeters: 50 }],
    ['DELETE', '/api/v1/proximity/none', DISPATCHERS],
    ['GET', '/api/v1/incident-settings', DISPATCHERS],
    ['PUT', '/api/v1/incident-settings', ['admin'], {}],
    ['GET', '/api/v1/set-aside', DISPATCHERS],
    ['POST', '/api/v1/set-aside/1/accept', DISPATCHERS],
    ['POST', '/api/v1/set-aside/1/drop', DISPATCHERS],
    ['POST', '/api/v1/set-aside/accept', DISPATCHERS, { deviceId: 'truck-1' }],
    ['POST', '/api/v1/set-aside/drop', DISPATCHERS, { deviceId: 'truck-1' }],
    ['POST', '/api/v1/share-links', PEOPLE, { devices: ['truck-1'], until: Date.now() + 60_000 }],
    ['GET', '/api/v1/share-links', PEOPLE],
    ['GET', '/api/v1/share-links/none', PEOPLE],
    ['PATCH', '/api/v1/share-links/none', PEOPLE, { label: 'Parcel' }],
    ['DELETE', '/api/v1/share-links/none', PEOPLE],
    ['GET', '/api/v1/share-links/none/views', PEOPLE],
    ['GET', '/api/v1/shared', []],
    ['GET', '/api/v1/shared/devices/truck-1/history', []],
    ['POST', '/api/v1/shared/renew', []],
    ['GET', '/api/v1/admin/connections', ['admin']],
    ['DELETE', '/api/v1/admin/connections/none', ['admin']],
    ['POST', '/api/v1/admin/kick', ['admin'], { sub: 'nobody' }],
    ['PUT', '/api/v1/devices/truck-1/clock-offset', DISPATCHERS, { offsetSeconds: 0 }],
    ['DELETE', '/api/v1/devices/truck-1/clock-offset', DISPATCHERS],
  ]

  for (const [method, url, roles, body] of routes) {
    for (const role of ROLES) {
      const allowed = roles.includes(role)
      test(`${role} ${allowed ? 'may' : 'may not'} ${method} ${url}`, async () => {
        const answer = await platform.call(method, url, { caller: callerOf(role), body })
        if (allowed) assert.ok(answer.status !== 401 && answer.status !== 403, `${answer.status} ${answer.body.detail}`)
        else {
          assert.equal(answer.status, 403, JSON.stringify(answer.body))
          if (method !== 'HEAD') assert.match(answer.body.code, /^(forbidden|publish_forbidden)$/)
        }
      })
    }

    test(`${method} ${url} without a token is 401 with a challenge`, async () => {
      const answer = await platform.call(method, url, { body })
      assert.equal(answer.status, 401)
      // A HEAD has no body to say it in.
      if (method !== 'HEAD') assert.equal(answer.body.code, 'token_missing')
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="trackwire"')
    })
  }

  test('every route of the document is in this table or needs no token', async () => {
    const { body } = await platform.call('GET', '/api/openapi.json')
    // A stream never ends: its table row asks for the headers alone.
    const asked = routes.map(([method, url]) => `${method} ${url.split('?')[0]}`)
    const listed = new Set(asked.map(name => name.replace('HEAD /api/v1/stream', 'GET /api/v1/stream')))
    for (const [path, methods] of Object.entries<Record<string, { security?: unknown[] }>>(body.paths)) {
      const concrete = path
        .replace(/\/devices\/{deviceId}\/(tokens?)$/, '/devices/truck-2/$1')
        .replace('/devices/{deviceId}', '/devices/truck-1')
        .replace('/users/{userId}', '/users/ann')
        .replace('/bans/{sub}', '/bans/nobody')
        .replace('/groups/{group}', '/groups/vans')
        .replace('/sos/{alertId}', '/sos/none')
        .replace('/set-aside/{id}', '/set-aside/1')
        .replace('/inbox/{deviceId}', '/inbox/truck-1')
        .replace('/claim-codes/{id}', '/claim-codes/1')
        .replace('{fingerprint}', '0'.repeat(64))
        .replace('/incidents/{incidentId}', '/incidents/none')
        .replace('/commands/{commandId}', '/commands/none')
        .replace('/proximity/{ruleId}', '/proximity/none')
        .replace('/keys/{kid}', '/keys/none')
        .replace('/connections/{connectionId}', '/connections/none')
        .replace('/share-links/{linkId}', '/share-links/none')
      for (const [method, { security }] of Object.entries(methods)) {
        if (security?.length === 0) continue
        const names = ['home', 'work'].map(id => `${method.toUpperCase()} ${concrete.replace('{fenceId}', id)}`)
        assert.ok(
          names.some(name => listed.has(name)),
          `${method} ${path} is not in the table`,
        )
      }
    }
  })

  test('a device that one may not see is answered like one that does not exist', async () => {
    const caller = callerOf('user')
    for (const url of ['', '/last', '/history', '/trips']) {
      const hidden = await platform.call('GET', `/api/v1/devices/truck-2${url}`, { caller })
      const missing = await platform.call('GET', `/api/v1/devices/truck-9${url}`, { caller })
      assert.equal(hidden.status, 404)
      assert.equal(missing.status, 404)
      assert.deepEqual(
        { ...hidden.body, requestId: 0, detail: hidden.body.detail.replace('truck-2', 'X') },
        { ...missing.body, requestId: 0, detail: missing.body.detail.replace('truck-9', 'X') },
      )
    }
  })

  test('lists hold only the devices that one may see', async () => {
    const ids = async (caller: Parameters<HttpPlatform['token']>[0]) => {
      const { body } = await platform.call('GET', '/api/v1/devices', { caller })
      return body.items.map(({ id }: { id: string }) => id).slice(0, 2)
    }
    assert.deepEqual(await ids(callerOf('user')), ['truck-1'])
    assert.deepEqual(await ids({ role: 'user' }), [])
    assert.deepEqual(await ids({ role: 'device', sub: 'truck-2' }), ['truck-2'])
    assert.deepEqual(await ids({ role: 'dispatcher' }), ['truck-1', 'truck-2'])
  })

  test('an acl claim narrows and widens reading as it does on MQTT', async () => {
    const acl = [
      { permission: 'deny' as const, action: 'subscribe' as const, topic: 'demo/devices/truck-1/#' },
      { permission: 'allow' as const, action: 'subscribe' as const, topic: 'demo/devices/truck-2/#' },
    ]
    const caller = { ...callerOf('user'), acl }
    const { body } = await platform.call('GET', '/api/v1/devices', { caller })
    assert.deepEqual(
      body.items.map(({ id }: { id: string }) => id),
      ['truck-2'],
    )
    assert.equal((await platform.call('GET', '/api/v1/devices/truck-1', { caller })).status, 404)
    assert.equal((await platform.call('GET', '/api/v1/devices/truck-2', { caller })).status, 200)
  })

  test('the placeholders of an acl claim stand for the sub', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the claim's own placeholder
    const caller = { role: 'user' as const, sub: 'truck-2', acl: { pub: ['demo/devices/${clientid}/location'] } }
    const send = (deviceId: string) =>
      platform.call('POST', '/api/tracking/location', { caller, body: { ...fixAt(1_700_000_002_000), deviceId } })
    assert.equal((await send('truck-2')).status, 202)
    assert.equal((await send('truck-1')).status, 403)
  })

  test('no token reaches outside its organisation', async () => {
    const caller = { role: 'admin' as const, org: 'other' }
    assert.deepEqual((await platform.call('GET', '/api/v1/devices', { caller })).body.items, [])
    assert.deepEqual((await platform.call('GET', '/api/v1/fences', { caller })).body.items, [])
    assert.equal((await platform.call('GET', '/api/v1/devices/truck-1/last', { caller })).status, 404)
    assert.equal((await platform.call('GET', '/api/v1/fences/home', { caller })).status, 404)
    assert.equal((await platform.call('DELETE', '/api/v1/fences/home', { caller })).status, 404)
    const service = { role: 'service' as const, org: 'other' }
    const sent = await platform.call('POST', '/api/tracking/location', { caller: service, body: fix })
    assert.equal(sent.body.code, 'device_unknown')
  })

  test('a token of an unknown key is refused with the reason in the challenge', async () => {
    const answer = await platform.call('GET', '/api/v1/devices', { token: 'a.b.c' })
    assert.equal(answer.status, 401)
    assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"/)
  })

  for (const header of ['Basic YTpi', 'Bearer', 'Bearer a b', 'bearer\ttoken']) {
    test(`an Authorization header that reads ${JSON.stringify(header)} is refused`, async () => {
      const answer = await platform.call('GET', '/api/v1/devices', { headers: { authorization: header } })
      assert.equal(answer.body.code, 'token_invalid')
    })
  }
})
