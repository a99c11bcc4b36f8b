import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { calculateJwkThumbprint } from 'jose'
import { createTokens, openSigningKeys, rotateSigningKey } from '../../../bridge/index.ts'

async function dataDirectory(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'trackwire-keys-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('the first start makes a key that only its owner can read', async t => {
  const folder = await dataDirectory(t)
  await openSigningKeys(folder)
  assert.deepEqual(await readdir(join(folder, 'keys')), ['signing-1.jwk.json'])
  assert.equal((await stat(join(folder, 'keys'))).mode & 0o777, 0o700)
  assert.equal((await stat(join(folder, 'keys', 'signing-1.jwk.json'))).mode & 0o777, 0o600)
})

test('a folder that others could read is closed to them on the next start', async t => {
  const folder = await dataDirectory(t)
  await openSigningKeys(folder)
  await chmod(join(folder, 'keys'), 0o755)
  await openSigningKeys(folder)
  assert.equal((await stat(join(folder, 'keys'))).mode & 0o777, 0o700)
})

test('starts that meet on an empty folder agree on one key', async t => {
  const folder = await dataDirectory(t)
  const opened = await Promise.all(Array.from({ length: 8 }, () => openSigningKeys(folder)))
  assert.equal(new Set(opened.map(keys => keys.signing.kid)).size, 1)
  assert.deepEqual(await readdir(join(folder, 'keys')), ['signing-1.jwk.json'], 'no draft is left behind')
})

test('the JWK Set is public: thumbprint as kid, no private part', async t => {
  const keys = await openSigningKeys(await dataDirectory(t))
  const [jwk, ...others] = keys.jwks().keys
  assert.equal(others.length, 0)
  assert.deepEqual(Object.keys(jwk!).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  assert.equal(jwk!.kid, await calculateJwkThumbprint(jwk!), 'RFC 7638')
})

test('a restart keeps the key, so tokens stay valid', async t => {
  const folder = await dataDirectory(t)
  const token = await createTokens(await openSigningKeys(folder)).mint({
    sub: 'u',
    org: 'o',
    role: 'user',
    ttlSeconds: 60,
  })
  assert.equal((await createTokens(await openSigningKeys(folder)).verify(token)).sub, 'u')
})

test('after a rotation the newest key signs and the older one still verifies', async t => {
  const folder = await dataDirectory(t)
  const old = await openSigningKeys(folder)
  const oldToken = await createTokens(old).mint({ sub: 'u', org: 'o', role: 'user', ttlSeconds: 60 })
  const rotated = await rotateSigningKey(folder)
  assert.notEqual(rotated.signing.kid, old.signing.kid)
  assert.equal(rotated.jwks().keys.length, 2)
  const tokens = createTokens(rotated)
  assert.equal((await tokens.verify(oldToken)).sub, 'u')
  const newToken = await tokens.mint({ sub: 'u', org: 'o', role: 'user', ttlSeconds: 60 })
  await assert.rejects(createTokens(old).verify(newToken), { code: 'token_invalid' })
})

test('a key whose file was removed verifies no longer', async t => {
  const folder = await dataDirectory(t)
  const oldToken = await createTokens(await openSigningKeys(folder)).mint({
    sub: 'u',
    org: 'o',
    role: 'user',
    ttlSeconds: 60,
  })
  await rotateSigningKey(folder)
  await rm(join(folder, 'keys', 'signing-1.jwk.json'))
  await assert.rejects(createTokens(await openSigningKeys(folder)).verify(oldToken), { code: 'token_invalid' })
})

test('a key file that is no key stops the start with its path and a remedy', async t => {
  const folder = await dataDirectory(t)
  await openSigningKeys(folder)
  const path = join(folder, 'keys', 'signing-1.jwk.json')
  const { d: _private, ...publicPart } = JSON.parse(await readFile(path, 'utf8'))
  for (const content of ['', '{"kty":"oct","k":"AAAA"}', JSON.stringify(publicPart)]) {
    await writeFile(path, content)
    await assert.rejects(openSigningKeys(folder), (error: Error) => {
      assert.match(error.message, /signing-1\.jwk\.json cannot be used .*; restore it or remove it/)
      return true
    })
  }
})
