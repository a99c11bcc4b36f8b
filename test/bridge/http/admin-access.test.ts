import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createUser } from '../../../bridge/index.ts'
import type { Acl } from '../../../contract/index.ts'
import { ADMIN, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

describe('why somebody may or may not', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'truck-1' } })
    await createUser(platform.db, {
      org: 'demo',
      username: 'ann',
      role: 'user',
      password: 'long enough',
      devices: ['truck-1'],
    })
    await createUser(platform.db, { org: 'rival', username: 'eve', role: 'admin', password: 'long enough' })
  })
  after(() => platform.close())

  const ask = (query: Record<string, string>) =>
    platform.call('GET', `/api/v1/admin/access?${new URLSearchParams(query)}`, { caller: ADMIN })

  test('an account: the device that it is granted, and one that it is not', async () => {
    const question = { principal: 'ann', action: 'subscribe' }
    const { status, body } = await ask({ ...question, topic: 'demo/devices/truck-1/location' })
    assert.equal(status, 200)
    assert.equal(body.allowed, true)
    assert.equal(body.text, 'user ann of demo may subscribe to demo/devices/truck-1/location: role user.')
    assert.deepEqual(body.principal, {
      sub: 'ann',
      org: 'demo',
      role: 'user',
      source: 'account',
      devices: 1,
      groups: [],
      acl: [],
    })
    assert.deepEqual(body.considered, [
      { text: 'The topic is one that the platform serves to demo.', decided: false },
      { text: 'There is no acl claim.', decided: false },
      { text: 'The role user reads location of the devices granted to it, and this is one of them.', decided: true },
    ])
    assert.match(body.note, /ask with the token/)
    const other = await ask({ ...question, topic: 'demo/devices/truck-2/location' })
    assert.equal(other.body.allowed, false)
    assert.match(other.body.considered.at(-1).text, /this is none of them/)
  })

  test('what the account is granted by a group counts; of one who is banned, that it is shut out', async () => {
    const question = { principal: 'ann', action: 'subscribe', topic: 'demo/devices/van-1/location' }
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'van-1', groups: ['vans'] } })
    assert.equal((await ask(question)).body.allowed, false)
    const change = (body: object) => platform.call('PATCH', '/api/v1/users/ann', { caller: ADMIN, body })
    await change({ groups: ['vans'] })
    const granted = (await ask(question)).body
    assert.deepEqual([granted.allowed, granted.principal.devices, granted.principal.groups], [true, 2, ['vans']])
    await platform.call('POST', '/api/v1/admin/bans', { caller: ADMIN, body: { sub: 'ann' } })
    const banned = (await ask(question)).body
    assert.deepEqual([banned.allowed, banned.considered.length], [false, 1])
    assert.match(banned.text, /^user ann of demo is let in nowhere: ann is banned until an administrator lifts it\.$/)
    await platform.call('DELETE', '/api/v1/admin/bans/ann', { caller: ADMIN })
    await change({ groups: [] })
  })

  for (const [what, query, allowed, source] of [
    [
      'a registered device',
      { principal: 'truck-1', action: 'publish', topic: 'demo/devices/truck-1/location' },
      true,
      'device',
    ],
    [
      'a device and a topic of another one',
      { principal: 'truck-1', action: 'publish', topic: 'demo/devices/x/sos' },
      false,
      'device',
    ],
    [
      'whoever is a gateway',
      { principal: 'gw', role: 'service', action: 'publish', topic: 'demo/devices/x/sos' },
      true,
      'role',
    ],
    ['a filter', { principal: 'ann', action: 'subscribe', topic: 'demo/devices/+/location' }, true, 'account'],
    ['a filter of everything', { principal: 'ann', action: 'subscribe', topic: '#' }, false, 'account'],
    [
      'a topic of another organisation',
      { principal: 'ann', action: 'subscribe', topic: 'rival/devices/x/last' },
      false,
      'account',
    ],
    ['a topic that is none', { principal: 'ann', action: 'publish', topic: 'demo/x' }, false, 'account'],
  ] as const) {
    test(`${what}: ${allowed ? 'yes' : 'no'}`, async () => {
      const { status, body } = await ask(query)
      assert.equal(status, 200, body.detail)
      assert.equal(body.allowed, allowed, body.text)
      assert.equal(body.principal.source, source)
      assert.equal(body.considered.at(-1).decided, true)
    })
  }

  test('an account of another organisation is answered like one that does not exist', async () => {
    const question = { action: 'publish', topic: 'demo/x' }
    const hidden = await ask({ ...question, principal: 'eve' })
    const missing = await ask({ ...question, principal: 'bob' })
    assert.equal(hidden.status, 404)
    assert.equal(hidden.body.detail.replace('eve', 'bob'), missing.body.detail)
  })

  for (const [what, query, fault] of [
    ['no principal', { action: 'publish', topic: 'x' }, /principal/],
    ['no action', { principal: 'ann', topic: 'x' }, /action/],
    ['an action that is none', { principal: 'ann', action: 'read', topic: 'x' }, /publish or subscribe/],
    ['no topic', { principal: 'ann', action: 'publish' }, /topic/],
    ['a role that is none', { principal: 'x', action: 'publish', topic: 'x', role: 'king' }, /role/],
    [
      'another role than that of the account',
      { principal: 'ann', action: 'publish', topic: 'x', role: 'admin' },
      /has the role user/,
    ],
    ['a QoS of 3', { principal: 'ann', action: 'publish', topic: 'x', qos: '3' }, /qos/],
    [
      'a parameter that is not known',
      { principal: 'ann', action: 'publish', topic: 'x', token: 'x' },
      /token is not known/,
    ],
  ] as const) {
    test(`${what} is refused`, async () => {
      const { status, body } = await ask(query)
      assert.equal(status, 400)
      assert.equal(body.code, 'request_invalid')
      assert.match(body.detail, fault)
    })
  }

  test('a token is explained with its acl claim, rule by rule, placeholders filled in', async () => {
    const acl: Acl = [
      { permission: 'deny', action: 'publish', topic: '#' },
      { permission: 'deny', action: 'subscribe', topic: 'demo/devices/truck-2/#', qos: 2 },
      { permission: 'allow', action: 'subscribe', topic: ['demo/devices/', '{clientid}/#'].join('$') },
    ]
    const token = await platform.token({ role: 'user', sub: 'ann', acl })
    const body = { token, action: 'subscribe', topic: 'demo/devices/truck-2/last', clientId: 'truck-2', qos: 1 }
    const answer = await platform.call('POST', '/api/v1/admin/access', { caller: ADMIN, body })
    assert.equal(answer.status, 200, answer.body.detail)
    assert.equal(answer.body.allowed, true)
    assert.deepEqual(
      answer.body.considered.map(({ text }: { text: string }) => text),
      [
        'The topic is one that the platform serves to demo.',
        'Rule 1 of the acl claim (deny publish #) is about the other action.',
        'Rule 2 of the acl claim (deny subscribe demo/devices/truck-2/#, QoS 2) is for another QoS or another retain flag.',
        'Rule 3 of the acl claim (allow subscribe demo/devices/truck-2/#) matches, and decides.',
      ],
    )
    assert.equal(answer.body.note, null)
    assert.ok(!platform.log.some(line => line.includes(token)), 'the token is in the log')
  })

  test('a token of another organisation, a broken and an expired one are no 401: the caller’s own is fine', async () => {
    const rival = await platform.token({ role: 'user', org: 'rival' })
    const expired = await platform.tokens.mint({ sub: 'ann', org: 'demo', role: 'user', ttlSeconds: -100 })
    for (const token of [rival, expired, 'x.y.z', '']) {
      const body = { token, action: 'publish', topic: 'demo/x' }
      const answer = await platform.call('POST', '/api/v1/admin/access', { caller: ADMIN, body })
      assert.equal(answer.status, 400)
      assert.equal(answer.body.path, '/token')
    }
  })
})
