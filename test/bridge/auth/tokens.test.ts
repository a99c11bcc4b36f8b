import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { createTokens, openSigningKeys, type SigningKeys, type Tokens } from '../../../bridge/index.ts'
import { TrackwireError } from '../../../contract/index.ts'

const START_MS = Date.UTC(2026, 0, 1)
const GOOD = { sub: 'truck-7', org: 'demo', role: 'device' }

describe('tokens', () => {
  let folder: string
  let keys: SigningKeys
  let tokens: Tokens
  let nowMs = START_MS
  const seconds = () => Math.floor(nowMs / 1_000)

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trackwire-tokens-'))
    keys = await openSigningKeys(folder)
    tokens = createTokens(keys, { now: () => nowMs })
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const sign = (claims: JWTPayload, header: Record<string, unknown> = {}, key = keys.signing.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: keys.signing.kid, ...header }).sign(key)
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const valid = () => ({ ...GOOD, exp: seconds() + 60 })

  test('a minted token tells who sent it, with all that was asked for', async () => {
    const token = await tokens.mint({
      sub: 'u-1',
      org: 'demo',
      role: 'driver',
      ttlSeconds: 60,
      devices: ['truck-7'],
      groups: ['north'],
      acl: { pub: ['demo/x'] },
      jti: 'j-1',
      sid: 's-1',
      use: 'socket',
    })
    const principal = await tokens.verify(token)
    assert.equal(principal.sub, 'u-1')
    assert.equal(principal.role, 'driver')
    assert.deepEqual([...principal.devices], ['truck-7'])
    assert.deepEqual(principal.groups, ['north'])
    assert.deepEqual(principal.acl, [{ permission: 'allow', action: 'publish', topic: 'demo/x' }])
    assert.deepEqual([principal.jti, principal.sid, principal.use], ['j-1', 's-1', 'socket'])
    assert.equal(principal.issuedAtMs, START_MS)
    assert.equal(principal.expiresAtMs, START_MS + 60_000)
  })

  test('every token has a jti of its own and the time of its making, to the millisecond', async () => {
    nowMs += 123
    try {
      const wanted = { sub: 'u-1', org: 'demo', role: 'user', ttlSeconds: 60 } as const
      const [one, other] = await Promise.all(
        [tokens.mint(wanted), tokens.mint(wanted)].map(async t => tokens.verify(await t)),
      )
      assert.match(one!.jti!, /^[0-9a-f-]{36}$/)
      assert.notEqual(one!.jti, other!.jti)
      assert.equal(one!.issuedAtMs, START_MS + 123)
      assert.equal(one!.expiresAtMs, START_MS + 60_000)
    } finally {
      nowMs = START_MS
    }
  })

  test('a token that does not say when it was issued, or by which log-in, is taken', async () => {
    const { issuedAtMs, sid, jti, use } = await tokens.verify(await sign(valid()))
    assert.deepEqual([issuedAtMs, sid, jti, use], [undefined, undefined, undefined, undefined])
  })

  test('a claim that no token may bear is not minted', async () => {
    const bad = { sub: 'u 1', org: 'demo', role: 'user', ttlSeconds: 60 } as const
    await assert.rejects(tokens.mint(bad), { code: 'payload_invalid' })
  })

  const refused: readonly [string, () => string | Promise<string>, string, RegExp][] = [
    ['no token', () => '', 'token_missing', /No token/],
    ['any text', () => 'hello', 'token_invalid', /not a signed JWT/],
    ['three parts of rubbish', () => 'a.b.c', 'token_invalid', /not a signed JWT/],
    ['a huge token', () => 'x'.repeat(20_000), 'token_invalid', /longer than 8192/],
    ['a huge token with dots', () => `${'a.'.repeat(8_192)}b`, 'token_invalid', /longer than/],
    [
      'alg none',
      () => `${encode({ alg: 'none' })}.${encode(valid())}.`,
      'token_invalid',
      /not signed with RS256|not a signed JWT/,
    ],
    [
      'alg NONE in capitals',
      () => `${encode({ alg: 'NONE', kid: keys.signing.kid })}.${encode(valid())}.`,
      'token_invalid',
      /not signed|not a signed JWT/,
    ],
    [
      'HS256 with our public key as the secret',
      () => {
        const input = `${encode({ alg: 'HS256', kid: keys.signing.kid })}.${encode(valid())}`
        return `${input}.${createHmac('sha256', JSON.stringify(keys.jwks().keys[0])).update(input).digest('base64url')}`
      },
      'token_invalid',
      /not signed with RS256, ES256, EdDSA/,
    ],
    ['an unknown kid', () => sign(valid(), { kid: 'another' }), 'token_invalid', /key that is not known/],
    [
      'the right kid with the wrong key',
      async () => sign(valid(), {}, (await generateKeyPair('ES256')).privateKey),
      'token_invalid',
      /signature does not fit/,
    ],
    [
      'an algorithm that is not that of the key',
      async () => sign(valid(), { alg: 'EdDSA' }, (await generateKeyPair('EdDSA')).privateKey),
      'token_invalid',
      /key that is not known/,
    ],
    [
      'claims swapped under the signature',
      async () => {
        const [header, , signature] = (await sign(valid())).split('.')
        return `${header}.${encode({ ...valid(), role: 'admin' })}.${signature}`
      },
      'token_invalid',
      /signature does not fit/,
    ],
    [
      'a key sent along in the header',
      () => sign(valid(), { kid: 'own', jwk: keys.jwks().keys[0] }),
      'token_invalid',
      /not known/,
    ],
    [
      'a critical extension that is not understood (RFC 7515 §4.1.11)',
      async () => {
        const header = { alg: 'ES256', kid: keys.signing.kid, crit: ['ext'], ext: 1 }
        const input = `${encode(header)}.${encode(valid())}`
        const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
        const signature = await crypto.subtle.sign(algorithm, keys.signing.privateKey, Buffer.from(input))
        return `${input}.${Buffer.from(signature).toString('base64url')}`
      },
      'token_invalid',
      /not a signed JWT/,
    ],
    ['no exp', () => sign({ ...GOOD }), 'token_invalid', /lacks the claim exp/],
    ['exp as text', () => sign({ ...GOOD, exp: 'tomorrow' as unknown as number }), 'token_invalid', /exp/],
    ['expired more than 30 s ago', () => sign({ ...GOOD, exp: seconds() - 31 }), 'token_expired', /expired/],
    [
      'not valid yet',
      () => sign({ ...valid(), nbf: seconds() + 60 }),
      'token_invalid',
      /nbf does not hold: it is not valid yet/,
    ],
    ['no sub', () => sign({ org: 'demo', role: 'user', exp: seconds() + 60 }), 'token_invalid', /sub/],
    ['no org', () => sign({ sub: 'u', role: 'user', exp: seconds() + 60 }), 'token_invalid', /org/],
    ['an org that is a wildcard', () => sign({ ...valid(), org: '+' }), 'token_invalid', /org/],
    ['a sub with a slash', () => sign({ ...valid(), sub: 'a/b' }), 'token_invalid', /sub/],
    ['a role that does not exist', () => sign({ ...valid(), role: 'root' }), 'token_invalid', /role/],
    ['devices as text', () => sign({ ...valid(), devices: 'all' }), 'token_invalid', /devices/],
    ['an acl of a wrong shape', () => sign({ ...valid(), acl: [{ permission: 'maybe' }] }), 'token_invalid', /acl/],
    ['a scope of a share link', () => sign({ ...valid(), scope: { device: 'truck-7' } }), 'token_invalid', /scope/],
  ]
  for (const [name, make, code, message] of refused) {
    test(`refused: ${name}`, async () => {
      await assert.rejects(tokens.verify(await make()), (error: unknown) => {
        assert.ok(error instanceof TrackwireError)
        assert.equal(error.code, code)
        assert.match(error.message, message)
        return true
      })
    })
  }

  test('30 s of clock leeway either way', async () => {
    assert.equal((await tokens.verify(await sign({ ...GOOD, exp: seconds() - 29 }))).sub, 'truck-7')
    assert.equal((await tokens.verify(await sign({ ...valid(), nbf: seconds() + 29 }))).sub, 'truck-7')
  })

  test('a remembered token is refused once it has expired', async () => {
    const token = await tokens.mint({ ...GOOD, role: 'device', ttlSeconds: 60 })
    const first = await tokens.verify(token)
    assert.equal(await tokens.verify(token), first, 'the second time it is remembered')
    nowMs += 91_000
    try {
      await assert.rejects(tokens.verify(token), { code: 'token_expired' })
      await assert.rejects(tokens.verify(token), { code: 'token_expired' }, 'and stays refused')
    } finally {
      nowMs = START_MS
    }
  })
})
