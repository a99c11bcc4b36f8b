import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ADMIN, DISPATCHER, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const actionsOf = async (platform: HttpPlatform): Promise<string[]> => {
  const { body } = await platform.call('GET', '/api/v1/admin/audit?action=key', { caller: ADMIN })
  return body.items.map(({ action, target }: { action: string; target: string }) => `${action} ${target}`)
}

test('an administrator rotates and retires keys of the running platform; both are in the JWK Set and the audit log', async t => {
  const platform = await startHttpPlatform()
  t.after(() => platform.close())
  const list = async () => (await platform.call('GET', '/api/v1/admin/keys', { caller: ADMIN })).body.items
  const [first] = await list()
  assert.equal(first.state, 'signing')
  const oldToken = await platform.token(ADMIN)

  const { status, body: second } = await platform.call('POST', '/api/v1/admin/keys/rotate', { caller: ADMIN })
  assert.equal(status, 201)
  assert.equal(second.state, 'waiting')
  assert.equal((await platform.call('POST', '/api/v1/admin/keys/rotate', { caller: ADMIN })).body.code, 'conflict')
  const jwks = await platform.call('GET', '/.well-known/jwks.json')
  assert.equal(jwks.headers['cache-control'], 'public, max-age=300')
  assert.deepEqual(
    jwks.body.keys.map(({ kid }: { kid: string }) => kid),
    [first.kid, second.kid],
  )
  assert.ok(jwks.body.keys.every((key: object) => !('d' in key)))

  const body = { immediately: true }
  const third = (await platform.call('POST', '/api/v1/admin/keys/rotate', { caller: ADMIN, body })).body
  assert.equal(third.state, 'signing')
  const withToken = { token: oldToken }
  assert.equal((await platform.call('GET', '/api/v1/devices', withToken)).status, 200, 'the old key verifies')
  const retire = `/api/v1/admin/keys/${first.kid}/retire`
  assert.equal((await platform.call('POST', retire, { caller: ADMIN })).status, 204)
  assert.equal((await platform.call('GET', '/api/v1/devices', withToken)).body.code, 'token_invalid')
  assert.equal((await platform.call('POST', retire, { caller: ADMIN })).body.code, 'not_found')
  assert.deepEqual(
    (await list()).map(({ kid }: { kid: string }) => kid),
    [second.kid, third.kid],
  )
  assert.deepEqual(await actionsOf(platform), [
    `key.retire ${first.kid}`,
    'key.rotate signing-keys',
    'key.rotate signing-keys',
  ])
})

test('keys concern every organisation: only administrators of the one that runs the platform get at them', async t => {
  const platform = await startHttpPlatform({ platformOrg: 'operations' })
  t.after(() => platform.close())
  for (const caller of [ADMIN, { ...DISPATCHER, org: 'operations' }]) {
    for (const [method, url] of [
      ['GET', '/api/v1/admin/keys'],
      ['POST', '/api/v1/admin/keys/rotate'],
      ['POST', '/api/v1/admin/keys/any/retire'],
    ] as const) {
      assert.equal((await platform.call(method, url, { caller })).body.code, 'forbidden', `${caller.role} ${url}`)
    }
  }
  const caller = { ...ADMIN, org: 'operations' }
  assert.equal((await platform.call('GET', '/api/v1/admin/keys', { caller })).status, 200)
})
