import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { calculateJwkThumbprint } from 'jose'
import { pino } from 'pino'
import { KEY_OVERLAP_MS } from '../../../bridge/auth/signing-keys.ts'
import { createTokens, openSigningKeys, watchSigningKeys } from '../../../bridge/index.ts'

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

const WHO = { sub: 'u', org: 'o', role: 'user', ttlSeconds: 3_600 } as const

test('a new key verifies at once and signs when everyone knows it; both keys live meanwhile and after', async t => {
  const folder = await dataDirectory(t)
  let nowMs = Date.now()
  const now = () => nowMs
  const keys = await openSigningKeys(folder, { now })
  const tokens = createTokens(keys, { now })
  const [old] = keys.list()
  const oldToken = await tokens.mint(WHO)

  const made = await keys.rotate()
  assert.equal(made.state, 'waiting')
  assert.equal(made.signsFrom, nowMs + KEY_OVERLAP_MS)
  assert.deepEqual(
    keys.jwks().keys.map(({ kid }) => kid),
    [old!.kid, made.kid],
    'published before it signs',
  )
  assert.equal(kidOf(await tokens.mint(WHO)), old!.kid)
  // Another node whose clock is ahead signs with it already.
  const ahead = createTokens(await openSigningKeys(folder, { now: () => nowMs + KEY_OVERLAP_MS }))
  const newToken = await ahead.mint(WHO)
  assert.equal(kidOf(newToken), made.kid)
  assert.equal((await tokens.verify(newToken)).sub, 'u')

  nowMs += KEY_OVERLAP_MS
  assert.equal(kidOf(await tokens.mint(WHO)), made.kid)
  assert.deepEqual(
    keys.list().map(({ state }) => state),
    ['verifying', 'signing'],
  )
  assert.equal((await tokens.verify(oldToken)).sub, 'u')
})

test('after a theft a new key signs at once and the old one is retired', async t => {
  const keys = await openSigningKeys(await dataDirectory(t))
  const tokens = createTokens(keys)
  const stolen = keys.signing.kid
  const { kid } = await keys.rotate({ immediately: true })
  assert.equal(keys.signing.kid, kid)
  await keys.retire(stolen)
  assert.equal(kidOf(await tokens.mint(WHO)), kid)
})

test('a remembered token is refused as soon as its key is retired, here and where the folder is only looked at', async t => {
  const folder = await dataDirectory(t)
  const keys = await openSigningKeys(folder)
  const elsewhere = await openSigningKeys(folder)
  const [here, there] = [createTokens(keys), createTokens(elsewhere)]
  const token = await here.mint(WHO)
  await here.verify(token)
  await there.verify(token)
  const old = keys.signing.kid
  await keys.rotate()
  await keys.retire(old)
  await assert.rejects(here.verify(token), { code: 'token_invalid' })
  let told = 0
  elsewhere.onRetired(() => {
    told += 1
  })
  assert.equal(await elsewhere.reload(), true)
  assert.equal(told, 1)
  await assert.rejects(there.verify(token), { code: 'token_invalid' })
  assert.equal(elsewhere.signing.kid, keys.signing.kid, 'the one that waited has to sign now')
  assert.equal(await elsewhere.reload(), false, 'nothing more has changed')
})

test('a key that was retired by mistake comes back with its file, and its tokens with it', async t => {
  const folder = await dataDirectory(t)
  const keys = await openSigningKeys(folder)
  const tokens = createTokens(keys)
  const token = await tokens.mint(WHO)
  await keys.rotate()
  await keys.retire(keys.signing.kid)
  await rename(join(folder, 'keys', 'retired-1.jwk.json'), join(folder, 'keys', 'signing-1.jwk.json'))
  await keys.reload()
  assert.equal((await tokens.verify(token)).sub, 'u')
})

test('a retired number is never given again', async t => {
  const folder = await dataDirectory(t)
  const keys = await openSigningKeys(folder)
  const { kid } = await keys.rotate()
  await keys.retire(kid)
  await keys.rotate()
  assert.deepEqual((await readdir(join(folder, 'keys'))).sort(), [
    'retired-2.jwk.json',
    'signing-1.jwk.json',
    'signing-3.jwk.json',
  ])
})

test('refused: to retire the last key or an unknown one, and to rotate while one waits', async t => {
  const keys = await openSigningKeys(await dataDirectory(t))
  await assert.rejects(keys.retire(keys.signing.kid), { code: 'conflict' })
  await assert.rejects(keys.retire('../../etc/passwd'), { code: 'not_found' })
  await keys.rotate()
  await assert.rejects(keys.rotate(), { code: 'conflict' })
})

test('a running process takes up keys of another one, and keeps its own while the folder cannot be read', async t => {
  const folder = await dataDirectory(t)
  const keys = await openSigningKeys(folder)
  const lines: string[] = []
  let heard = (): void => {}
  const write = (line: string): void => {
    lines.push(line)
    heard()
  }
  const logger = pino({}, { write })
  // The watch alone keeps no process alive.
  const alive = setInterval(() => {}, 1_000)
  t.after(() => clearInterval(alive))
  const next = () => new Promise<void>(resolve => (heard = resolve))
  const watch = watchSigningKeys(keys, logger, 10)
  t.after(() => watch.close())
  const change = next()
  const { kid } = await (await openSigningKeys(folder)).rotate()
  await change
  assert.equal(keys.has(kid), true)
  const fault = next()
  await writeFile(join(folder, 'keys', 'signing-9.jwk.json'), '{"half":')
  await fault
  assert.match(lines.at(-1)!, /cannot be read again; those in memory stay in use/)
  assert.equal(keys.has(kid), true)
  assert.doesNotMatch(lines.join(''), /"d":/)
})

function kidOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).kid
}

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
