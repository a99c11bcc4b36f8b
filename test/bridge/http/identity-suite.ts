import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  ADMIN,
  type Answer,
  DISPATCHER,
  fixAt,
  GATEWAY,
  type HttpPlatform,
  startHttpPlatform,
} from './http-platform.ts'

const USERS = '/api/v1/users'
const BANS = '/api/v1/admin/bans'
const REVOCATIONS = '/api/v1/admin/revocations'
const OTHER_ADMIN = { role: 'admin', org: 'other', sub: 'other-admin' } as const

/** People, what they may see, and what takes it away, over HTTP, on every database. */
export function identitySuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({}, databaseUrl)
    for (const [id, groups] of Object.entries({
      'truck-1': ['trucks'],
      'van-1': ['vans', 'north'],
      'van-2': ['vans'],
    })) {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id, groups } })
    }
    // So that no other one is the last administrator of the organisation.
    await platform.call('POST', USERS, { caller: ADMIN, body: { id: 'boss', role: 'admin' } })
  })
  after(() => platform.close())

  const admin = (method: string, url: string, body?: unknown) => platform.call(method, url, { caller: ADMIN, body })
  const code = ({ status, body }: Answer) => `${status} ${body.code}`
  /** A new user with a password and its log-in. */
  const person = async (id: string, more: object = {}) => {
    const created = await admin('POST', USERS, { id, role: 'user', ...more })
    assert.equal(created.status, 201, JSON.stringify(created.body))
    return { password: created.body.password as string, login: () => login(id, created.body.password) }
  }
  const login = async (username: string, password: string) => {
    const { status, body } = await platform.call('POST', '/api/v1/auth/login', { body: { username, password } })
    assert.equal(status, 200, JSON.stringify(body))
    return { access: body.accessToken as string, refresh: body.refreshToken as string }
  }
  const socketToken = async (token: string): Promise<string> =>
    (await platform.call('POST', '/api/v1/auth/socket-token', { token })).body.token
  const devicesOf = async (token: string) => {
    const { body } = await platform.call('GET', '/api/v1/devices', { token })
    return body.items.map(({ id }: { id: string }) => id)
  }
  const me = (token: string) => platform.call('GET', '/api/v1/auth/me', { token })

  test('a user is made with a password that is shown once, changed, listed and deleted', async () => {
    const created = await admin('POST', USERS, { id: 'ben', role: 'driver', devices: ['truck-1'], groups: ['vans'] })
    assert.equal(created.status, 201)
    assert.equal(created.headers.location, `${USERS}/ben`)
    assert.match(created.body.password, /^[\w-]{16}$/)
    const { createdAt, ...rest } = created.body.user
    assert.ok(Math.abs(createdAt - Date.now()) < 600_000)
    const user = {
      id: 'ben',
      role: 'driver',
      disabled: false,
      devices: ['truck-1'],
      groups: ['vans'],
      hasPassword: true,
    }
    assert.deepEqual(rest, user)
    assert.deepEqual((await admin('GET', `${USERS}/ben`)).body, created.body.user, 'the password is not shown again')
    const changed = await admin('PATCH', `${USERS}/ben`, { groups: [], role: 'dispatcher' })
    assert.deepEqual(changed.body, { ...user, createdAt, groups: [], role: 'dispatcher' })
    const { items } = (await admin('GET', USERS)).body
    assert.ok(items.some(({ id }: { id: string }) => id === 'ben'))
    assert.ok(!JSON.stringify(items).includes('scrypt'))
    assert.equal((await admin('DELETE', `${USERS}/ben`)).status, 204)
    assert.equal(code(await admin('GET', `${USERS}/ben`)), '404 user_unknown')
    assert.equal(code(await admin('DELETE', `${USERS}/ben`)), '404 user_unknown')
  })

  test('users are listed in pages, in order of their id', async () => {
    for (const id of ['p-3', 'p-1', 'p-2']) await admin('POST', USERS, { id, role: 'user', password: null })
    const ids: string[] = []
    let query = '?limit=2'
    for (let pages = 0; pages < 20; pages++) {
      const { body } = await admin('GET', `${USERS}${query}`)
      assert.ok(body.items.length <= 2)
      ids.push(...body.items.map(({ id }: { id: string }) => id))
      if (body.next === null) break
      query = `?limit=2&cursor=${body.next}`
    }
    assert.deepEqual(ids, [...new Set(ids)].sort())
    assert.deepEqual(
      ids.filter(id => id.startsWith('p-')),
      ['p-1', 'p-2', 'p-3'],
    )
  })

  const refusals: readonly [name: string, body: unknown, code: string][] = [
    ['a short password', { id: 'weak', role: 'user', password: 'short' }, '400 password_weak'],
    ['the role of a device', { id: 'dev', role: 'device' }, '400 payload_invalid'],
    ['a role that is none', { id: 'king', role: 'king' }, '400 payload_invalid'],
    ['an id that no topic could bear', { id: 'a/b', role: 'user' }, '400 payload_invalid'],
    ['a member that is not known', { id: 'x', role: 'user', admin: true }, '400 payload_invalid'],
    ['an id that is taken', { id: 'taken', role: 'user', password: null }, '409 conflict'],
    ['an id that another organisation took', { id: 'theirs', role: 'user', password: null }, '409 conflict'],
  ]
  test('what cannot be created is refused by name', async () => {
    await admin('POST', USERS, { id: 'taken', role: 'user', password: null })
    const theirs = { id: 'theirs', role: 'user', password: null }
    assert.equal((await platform.call('POST', USERS, { caller: OTHER_ADMIN, body: theirs })).status, 201)
    for (const [name, body, expected] of refusals) assert.equal(code(await admin('POST', USERS, body)), expected, name)
  })

  test('another organisation’s users are answered word for word like ones that do not exist', async () => {
    const mine = { id: 'mine', role: 'user', password: null }
    await admin('POST', USERS, mine)
    const calls: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { disabled: true }],
      ['POST', '/password-reset'],
      ['DELETE', ''],
    ]
    for (const [method, place, body] of calls) {
      const [hidden, missing] = await Promise.all(
        ['mine', 'none'].map(id => platform.call(method, `${USERS}/${id}${place}`, { caller: OTHER_ADMIN, body })),
      )
      assert.equal(code(hidden!), '404 user_unknown', method)
      const blank = (answer: Answer, id: string) => ({
        ...answer.body,
        requestId: 0,
        detail: answer.body.detail.replace(id, ''),
      })
      assert.deepEqual(blank(hidden!, 'mine'), blank(missing!, 'none'))
    }
    const { body } = await platform.call('GET', USERS, { caller: OTHER_ADMIN })
    assert.ok(!body.items.some(({ id }: { id: string }) => id === 'mine'))
    assert.equal((await admin('GET', `${USERS}/mine`)).body.disabled, false)
  })

  test('grants of an account are seen at once by tokens that are out, and gone at once', async () => {
    const { login } = await person('ann')
    const { access } = await login()
    assert.deepEqual(await devicesOf(access), [])
    await admin('PATCH', `${USERS}/ann`, { devices: ['truck-1'], groups: ['vans'] })
    assert.deepEqual(await devicesOf(access), ['truck-1', 'van-1', 'van-2'])
    const socket = await socketToken(access)
    await admin('PATCH', '/api/v1/devices/van-1', { groups: ['north'] })
    assert.deepEqual(await devicesOf(access), ['truck-1', 'van-2'])
    await admin('PATCH', `${USERS}/ann`, { devices: [] })
    assert.deepEqual(await devicesOf(access), ['van-2'])
    await admin('PATCH', `${USERS}/ann`, { groups: [] })
    assert.deepEqual(await devicesOf(socket), [], 'what the database granted was not written into the socket token')
    await admin('PATCH', '/api/v1/devices/van-1', { groups: ['vans', 'north'] })
  })

  test('a driver sends for the devices of a group that it was granted', async () => {
    const { login } = await person('dora', { role: 'driver', groups: ['vans'] })
    const { access } = await login()
    const send = (deviceId: string) =>
      platform.call('POST', '/api/tracking/location', {
        token: access,
        body: { ...fixAt(1_700_000_000_000), deviceId },
      })
    assert.equal((await send('van-2')).status, 202)
    assert.equal(code(await send('truck-1')), '403 publish_forbidden')
  })

  test('a new role counts for the tokens that are out, and for what is made from them', async () => {
    const { login } = await person('rita', { role: 'admin' })
    const { access, refresh } = await login()
    assert.equal((await platform.call('GET', USERS, { token: access })).status, 200)
    await admin('PATCH', `${USERS}/rita`, { role: 'user' })
    assert.equal(code(await platform.call('GET', USERS, { token: access })), '403 forbidden')
    const socket = await socketToken(access)
    assert.equal((await me(socket)).body.role, 'user')
    const renewed = await platform.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: refresh } })
    assert.equal(renewed.body.user.role, 'user')
  })

  test('logging out ends access and socket tokens of that log-in at once, and no other', async () => {
    const { login } = await person('lou')
    const [here, there] = [await login(), await login()]
    const socket = await socketToken(here.access)
    await platform.call('POST', '/api/v1/auth/logout', { body: { refreshToken: here.refresh } })
    assert.equal(code(await me(here.access)), '401 token_revoked')
    const answer = await me(socket)
    assert.equal(code(answer), '401 token_revoked')
    assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"/)
    assert.equal((await me(there.access)).status, 200)
  })

  test('a refresh token that is used twice ends the tokens of its log-in at once', async () => {
    const { login } = await person('stolen-from')
    const { access, refresh } = await login()
    const renew = () => platform.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: refresh } })
    const renewed = (await renew()).body.accessToken
    assert.equal((await me(renewed)).status, 200)
    assert.equal(code(await renew()), '401 refresh_reused')
    for (const token of [access, renewed]) assert.equal(code(await me(token)), '401 token_revoked')
  })

  test('changing the own password ends the other log-ins; a reset ends them all', async () => {
    const { login: logIn, password } = await person('pia')
    const [here, there] = [await logIn(), await logIn()]
    const change = (body: object) => platform.call('POST', '/api/v1/auth/password', { token: here.access, body })
    assert.equal(code(await change({ oldPassword: password, newPassword: 'short' })), '400 password_weak')
    assert.equal(code(await change({ oldPassword: 'wrong', newPassword: 'quite another' })), '401 credentials_wrong')
    assert.equal((await change({ oldPassword: password, newPassword: 'quite another' })).status, 204)
    assert.equal((await me(here.access)).status, 200)
    assert.equal(code(await me(there.access)), '401 token_revoked')
    const reset = await admin('POST', `${USERS}/pia/password-reset`)
    assert.equal(code(await me(here.access)), '401 token_revoked')
    const again = await login('pia', reset.body.password)
    assert.equal((await me(again.access)).status, 200)
  })

  test('who is disabled is out at once', async () => {
    const { login, password } = await person('dan')
    const { access } = await login()
    await admin('PATCH', `${USERS}/dan`, { disabled: true })
    assert.equal(code(await me(access)), '401 token_revoked')
    const body = { username: 'dan', password }
    assert.equal(code(await platform.call('POST', '/api/v1/auth/login', { body })), '403 account_disabled')
  })

  test('the last administrator who can log in stays one', async () => {
    const create = { id: 'only', role: 'admin', password: null }
    const call = (method: string, url: string, body?: unknown) =>
      platform.call(method, url, { caller: OTHER_ADMIN, body })
    await call('POST', USERS, create)
    await call('PATCH', `${USERS}/only`, { password: 'long enough' })
    const attempts: [string, string, unknown?][] = [
      ['DELETE', `${USERS}/only`],
      ['PATCH', `${USERS}/only`, { role: 'user' }],
      ['PATCH', `${USERS}/only`, { disabled: true }],
      ['POST', BANS, { sub: 'only' }],
    ]
    for (const attempt of attempts) assert.equal(code(await call(...attempt)), '409 last_admin', attempt.join(' '))
    await call('POST', USERS, { ...create, id: 'second', password: 'long enough' })
    assert.equal((await call('DELETE', `${USERS}/only`)).status, 204)
  })

  test('a ban shuts out every token of a principal, device or person, until it is lifted', async () => {
    const device = await platform.token({ role: 'device', sub: 'van-2' })
    const elsewhere = await platform.token({ role: 'device', sub: 'van-2', org: 'other' })
    const ban = await admin('POST', BANS, { sub: 'van-2', reason: 'stolen' })
    assert.equal(ban.status, 201)
    assert.equal(code(await me(device)), '403 principal_banned')
    assert.equal((await me(elsewhere)).status, 200)
    const until = Date.now() + 3_600_000
    await admin('POST', BANS, { sub: 'van-2', until })
    const { items } = (await admin('GET', BANS)).body
    const [{ bannedAt, ...listed }] = items.filter(({ sub }: { sub: string }) => sub === 'van-2')
    assert.deepEqual(listed, { sub: 'van-2', until, reason: null, bannedBy: 'admin-1' })
    assert.equal(code(await platform.call('DELETE', `${BANS}/van-2`, { caller: OTHER_ADMIN })), '404 not_found')
    assert.equal(code(await me(device)), '403 principal_banned')
    assert.equal((await admin('DELETE', `${BANS}/van-2`)).status, 204)
    assert.equal((await me(device)).status, 200)
    assert.equal(code(await admin('DELETE', `${BANS}/van-2`)), '404 not_found')
    assert.equal(code(await admin('POST', BANS, { sub: 'van-2', until: 1 })), '400 payload_invalid')
  })

  test('a token is revoked by its jti, as it stands, or with all of its sub', async () => {
    const caller = { role: 'user', sub: 'guest' } as const
    const [byJti, whole, later] = await Promise.all([1, 2, 3].map(() => platform.token(caller)))
    const socket = await socketToken(whole!)
    const { jti } = await platform.tokens.verify(byJti!)
    assert.equal((await admin('POST', REVOCATIONS, { jti })).status, 204)
    assert.equal(code(await me(byJti!)), '401 token_revoked')
    assert.equal((await me(whole!)).status, 200)
    assert.equal((await admin('POST', REVOCATIONS, { token: whole })).status, 204)
    assert.equal(code(await me(whole!)), '401 token_revoked')
    assert.equal(code(await me(socket)), '401 token_revoked', 'what was made from it falls with it')
    assert.equal((await admin('POST', REVOCATIONS, { sub: 'guest', before: 1_000 })).status, 204)
    assert.equal((await me(later!)).status, 200, 'issued after that time')
    assert.equal((await admin('POST', REVOCATIONS, { sub: 'guest' })).status, 204)
    assert.equal(code(await me(later!)), '401 token_revoked')
    assert.equal((await me(await platform.token(caller))).status, 200, 'one that is issued now')
  })

  test('revoking a token of a log-in ends the log-in', async () => {
    const { login } = await person('seen-in-a-log')
    const { access, refresh } = await login()
    const socket = await socketToken(access)
    await admin('POST', REVOCATIONS, { token: socket })
    for (const token of [access, socket]) assert.equal(code(await me(token)), '401 token_revoked')
    const renewed = await platform.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: refresh } })
    assert.equal(code(renewed), '401 token_invalid')
  })

  test('what cannot be revoked is refused by name, and nobody revokes another organisation’s tokens', async () => {
    const token = await platform.token({ role: 'user', sub: 'abroad', org: 'other' })
    const { jti } = await platform.tokens.verify(token)
    assert.equal(code(await admin('POST', REVOCATIONS, { token })), '400 request_invalid')
    for (const body of [{ jti }, { sub: 'abroad' }]) assert.equal((await admin('POST', REVOCATIONS, body)).status, 204)
    assert.equal((await me(token)).status, 200)
    assert.equal(code(await admin('POST', REVOCATIONS, { token: 'a.b.c' })), '400 request_invalid')
    assert.equal(
      code(await admin('POST', REVOCATIONS, { sub: 'x', before: Date.now() + 60_000 })),
      '400 payload_invalid',
    )
    assert.equal(code(await admin('POST', REVOCATIONS, { sub: 'x', jti: 'y' })), '400 payload_invalid')
    assert.equal(code(await admin('POST', REVOCATIONS, {})), '400 payload_invalid')
  })

  test('revocations are listed newest first, in pages, of the own organisation', async () => {
    const caller = { role: 'admin', org: 'lists', sub: 'a' } as const
    const call = (method: string, url: string, body?: unknown) => platform.call(method, url, { caller, body })
    for (const jti of ['j-1', 'j-2', 'j-3']) await call('POST', REVOCATIONS, { jti, expiresAt: Date.now() + 60_000 })
    await call('POST', REVOCATIONS, { jti: 'over', expiresAt: 1_000 })
    const first = (await call('GET', `${REVOCATIONS}?limit=2`)).body
    const second = (await call('GET', `${REVOCATIONS}?limit=2&cursor=${first.next}`)).body
    const all = [...first.items, ...second.items]
    assert.deepEqual(all.map(({ id }: { id: string }) => id).sort(), ['j-1', 'j-2', 'j-3'])
    assert.equal(second.next, null)
    const times = all.map(({ revokedAt }: { revokedAt: number }) => revokedAt)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => b - a),
    )
    assert.deepEqual([all[0].kind, all[0].reason, all[0].revokedBy], ['token', 'administrator', 'a'])
  })

  test('a device gets another token; all that were issued before are revoked on demand', async () => {
    const created = await admin('POST', '/api/v1/devices', { id: 'van-3' })
    const mint = async () => (await admin('POST', '/api/v1/devices/van-3/token')).body.token as string
    const second = await mint()
    for (const token of [created.body.token, second]) assert.equal((await me(token)).status, 200)
    assert.equal((await admin('DELETE', '/api/v1/devices/van-3/tokens')).status, 204)
    for (const token of [created.body.token, second]) assert.equal(code(await me(token)), '401 token_revoked')
    assert.equal((await me(await mint())).status, 200, 'one that is made at once after')
    for (const [method, place] of [
      ['POST', 'token'],
      ['DELETE', 'tokens'],
    ] as const) {
      const foreign = await platform.call(method, `/api/v1/devices/van-3/${place}`, { caller: OTHER_ADMIN })
      assert.equal(code(foreign), '404 device_unknown')
      assert.equal(code(await admin(method, `/api/v1/devices/none/${place}`)), '404 device_unknown')
    }
  })

  test('I am told who I am, what I may see, and until when', async () => {
    const { status, body } = await platform.call('GET', '/api/v1/auth/me', {
      caller: { role: 'user', sub: 'me', devices: ['truck-1', 'not-registered'] },
    })
    assert.equal(status, 200)
    const { issuedAt, expiresAt, ...rest } = body
    assert.deepEqual(rest, { sub: 'me', org: 'demo', role: 'user', devices: { all: false, count: 1 }, groups: [] })
    assert.ok(issuedAt <= Date.now() && expiresAt > Date.now())
    const all = (await admin('GET', '/api/v1/devices')).body.items.length
    for (const caller of [ADMIN, DISPATCHER, GATEWAY]) {
      assert.deepEqual((await platform.call('GET', '/api/v1/auth/me', { caller })).body.devices, {
        all: true,
        count: all,
      })
    }
  })

  test('groups are counted: devices that are in them, users that were granted them', async () => {
    const caller = { role: 'admin', org: 'grouping', sub: 'a' } as const
    const call = (method: string, url: string, body?: unknown) => platform.call(method, url, { caller, body })
    await call('POST', '/api/v1/devices', { id: 'bus-1', groups: ['buses', 'south'] })
    await call('POST', '/api/v1/devices', { id: 'bus-2', groups: ['buses'] })
    await call('POST', USERS, { id: 'gil', role: 'user', password: null, groups: ['buses', 'ships'] })
    const first = (await call('GET', '/api/v1/groups?limit=2')).body
    assert.deepEqual(first.items, [
      { id: 'buses', devices: 2, users: 1 },
      { id: 'ships', devices: 0, users: 1 },
    ])
    const second = (await call('GET', `/api/v1/groups?limit=2&cursor=${first.next}`)).body
    assert.deepEqual(second, { items: [{ id: 'south', devices: 1, users: 0 }], next: null })
  })

  test('every change is in the audit log, without any password or token', async () => {
    const caller = { role: 'admin', org: 'logged', sub: 'a' } as const
    const call = (method: string, url: string, body?: unknown) => platform.call(method, url, { caller, body })
    const made = await call('POST', USERS, { id: 'lea', role: 'user', groups: ['buses'] })
    await call('PATCH', `${USERS}/lea`, { disabled: true, password: 'a new password' })
    await call('POST', `${USERS}/lea/password-reset`)
    await call('DELETE', `${USERS}/lea`)
    await call('POST', BANS, { sub: 'lea', reason: 'gone' })
    await call('DELETE', `${BANS}/lea`)
    await call('POST', REVOCATIONS, { sub: 'lea', before: 5 })
    await call('POST', REVOCATIONS, { jti: 'j-1' })
    const token = await platform.token({ role: 'user', sub: 'lea', org: 'logged' })
    await call('POST', REVOCATIONS, { token })
    await call('POST', '/api/v1/devices', { id: 'bus-9' })
    await call('POST', '/api/v1/devices/bus-9/token')
    await call('DELETE', '/api/v1/devices/bus-9/tokens')
    const { items } = (await call('GET', '/api/v1/admin/audit')).body
    const acts = items.map(({ action, target }: { action: string; target: string }) => `${action} ${target}`).reverse()
    assert.deepEqual(acts, [
      'user.create lea',
      'user.change lea',
      'user.password lea',
      'user.delete lea',
      'ban.add lea',
      'ban.lift lea',
      'token.revoke lea',
      'token.revoke j-1',
      'token.revoke lea',
      'device.register bus-9',
      'device.token bus-9',
      'token.revoke bus-9',
    ])
    const log = JSON.stringify(items)
    for (const secret of [made.body.password, 'a new password', token]) assert.ok(!log.includes(secret))
  })
}
