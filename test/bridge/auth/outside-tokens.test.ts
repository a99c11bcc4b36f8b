import assert from 'node:assert/strict'
import { createHmac, type KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { pino } from 'pino'
import {
  type ClaimMapping,
  createTokens,
  type OutsideKeys,
  openSigningKeys,
  type SigningKeys,
  startOutsideKeys,
  type Tokens,
} from '../../../bridge/index.ts'
import { TrackwireError } from '../../../contract/index.ts'
import { openScope, temporaryFolder } from '../../support/scope.ts'

const START_MS = Date.UTC(2026, 0, 1)
const ISSUER = 'https://id.example/realms/fleet'
const AUDIENCE = 'trackwire'
const MAPPING: ClaimMapping = {
  subClaim: 'sub',
  org: { claim: 'org' },
  roleClaim: 'realm_access.roles',
  roles: [
    ['fleet-admin', 'admin'],
    ['ops', 'dispatcher'],
  ],
}

/** A real provider of keys on the loopback, whose every answer a test may change. */
interface Provider {
  readonly url: string
  keys: JWK[]
  asked: number
  answer: ((response: ServerResponse, request: IncomingMessage) => void) | undefined
  close(): Promise<void>
}

async function startProvider(): Promise<Provider> {
  const server = createServer((request, response) => {
    provider.asked += 1
    if (provider.answer !== undefined) return provider.answer(response, request)
    response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys: provider.keys }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const provider: Provider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    keys: [],
    asked: 0,
    answer: undefined,
    close: () => {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
  return provider
}

interface Pair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly jwk: JWK
}

async function makePair(alg: string, kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

describe('tokens of an outside identity provider', () => {
  const scope = openScope()
  const log: string[] = []
  const logger = pino({}, { write: line => void log.push(line) })
  let provider: Provider
  let own: SigningKeys
  let outside: OutsideKeys
  let tokens: Tokens
  let es: Pair
  let rs: Pair
  let ed: Pair
  let nowMs = START_MS
  const now = () => nowMs
  const seconds = () => Math.floor(nowMs / 1_000)

  before(async () => {
    provider = await startProvider()
    scope.after(() => provider.close())
    ;[es, rs, ed] = await Promise.all([makePair('ES256', 'es-1'), makePair('RS256', 'rs-1'), makePair('EdDSA', 'ed-1')])
    own = await openSigningKeys(await temporaryFolder(scope), { now })
  })
  beforeEach(async () => {
    nowMs = START_MS
    provider.keys = [es.jwk, rs.jwk, ed.jwk]
    provider.answer = undefined
    outside?.close()
    outside = await startOutsideKeys({ url: provider.url, logger, now })
    tokens = createTokens(own, {
      now,
      outside: { issuer: ISSUER, audience: AUDIENCE, mapping: MAPPING, trust: { keys: outside } },
    })
    provider.asked = 0
  })
  after(async () => {
    outside.close()
    await scope.release()
  })

  const claims = (more: Record<string, unknown> = {}): JWTPayload => ({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ana',
    org: 'demo',
    realm_access: { roles: ['offline_access', 'ops'] },
    exp: seconds() + 60,
    ...more,
  })
  const sign = (
    payload: JWTPayload,
    header: Record<string, unknown> = {},
    key: CryptoKey | KeyObject = es.privateKey,
  ) => new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'es-1', ...header }).sign(key)
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const hmac = (header: object, payload: object, secret: string | Buffer) => {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }

  for (const [alg, kid, key] of [
    ['ES256', 'es-1', () => es],
    ['RS256', 'rs-1', () => rs],
    ['EdDSA', 'ed-1', () => ed],
  ] as const) {
    test(`${alg} tokens are read, their role and organisation mapped`, async () => {
      const principal = await tokens.verify(await sign(claims(), { alg, kid }, key().privateKey))
      assert.equal(principal.sub, 'ana')
      assert.equal(principal.org, 'demo')
      assert.equal(principal.role, 'dispatcher')
      assert.equal(principal.issuer, ISSUER)
    })
  }

  test('our own tokens go on being ours', async () => {
    const principal = await tokens.verify(await tokens.mint({ sub: 'u', org: 'demo', role: 'user', ttlSeconds: 60 }))
    assert.equal(principal.issuer, undefined)
  })

  test('an audience may be one of several; leeway is 30 s either way', async () => {
    const good = [
      claims({ aud: ['account', AUDIENCE] }),
      claims({ exp: seconds() - 29 }),
      claims({ nbf: seconds() + 30 }),
      claims({ org: ['demo'] }),
      claims({ groups: ['/fleet/north', 'north'] }),
    ]
    for (const payload of good) assert.equal((await tokens.verify(await sign(payload))).sub, 'ana')
    const { groups } = await tokens.verify(await sign(good[4]!))
    assert.deepEqual(groups, ['north'], 'of its groups those that can be groups of devices')
  })

  test('of several roles the one that is first in the map counts', async () => {
    const roles = ['ops', 'fleet-admin']
    assert.equal((await tokens.verify(await sign(claims({ realm_access: { roles } })))).role, 'admin')
  })

  const refused: readonly [string, () => string | Promise<string>, RegExp, string?][] = [
    ['alg none', () => `${encode({ alg: 'none' })}.${encode(claims())}.`, /not signed with|not a signed JWT/],
    [
      'alg nOnE',
      () => `${encode({ alg: 'nOnE', kid: 'es-1' })}.${encode(claims())}.`,
      /not signed with|not a signed JWT/,
    ],
    [
      'HS256 with our public key',
      () => hmac({ alg: 'HS256', kid: own.signing.kid }, claims(), JSON.stringify(own.jwks().keys[0])),
      /not signed with/,
    ],
    [
      "HS256 with the provider's JWK",
      () => hmac({ alg: 'HS256', kid: 'rs-1' }, claims(), JSON.stringify(rs.jwk)),
      /not signed with/,
    ],
    [
      "HS256 with the provider's PEM",
      async () => hmac({ alg: 'HS256', kid: 'rs-1' }, claims(), await exportSPKI(rs.publicKey)),
      /not signed with/,
    ],
    ['a wrong kid', () => sign(claims(), { kid: 'es-2' }), /key that is not known/],
    ['the kid of another key', () => sign(claims(), { kid: 'rs-1' }), /key that is not known/],
    ['a kid that is a path', () => sign(claims(), { kid: '../../keys/signing-1.jwk.json' }), /key that is not known/],
    ['a kid that is a URL', () => sign(claims(), { kid: 'http://127.0.0.1:1/x' }), /key that is not known/],
    ['a kid that is SQL', () => sign(claims(), { kid: "' or 1=1 --" }), /key that is not known/],
    ['a kid that is __proto__', () => sign(claims(), { kid: '__proto__' }), /key that is not known/],
    [
      'no kid, with several keys',
      () => sign(claims(), { kid: undefined, alg: 'ES256' }, rs.privateKey).catch(() => 'a.b.c'),
      /JWT/,
    ],
    [
      'a key of its own in jwk',
      async () => {
        const mine = await makePair('ES256', 'mine')
        return sign(claims(), { kid: 'mine', jwk: mine.jwk }, mine.privateKey)
      },
      /key that is not known/,
    ],
    [
      'a key of its own behind jku and x5u',
      async () => {
        const mine = await makePair('ES256', 'mine')
        return sign(claims(), { kid: 'mine', jku: `${provider.url}?mine`, x5u: `${provider.url}?x` }, mine.privateKey)
      },
      /key that is not known/,
    ],
    [
      'a critical extension',
      async () => {
        const input = `${encode({ alg: 'ES256', kid: 'es-1', crit: ['exp'], exp: 1 })}.${encode(claims())}`
        const how = { name: 'ECDSA', hash: 'SHA-256' }
        const signature = await crypto.subtle.sign(how, es.privateKey, Buffer.from(input))
        return `${input}.${Buffer.from(signature).toString('base64url')}`
      },
      /not a signed JWT/,
    ],
    [
      "our own key for the provider's iss",
      () => sign(claims(), { kid: own.signing.kid }, own.signing.privateKey),
      /not known/,
    ],
    ["the provider's key for another iss", () => sign(claims({ iss: 'https://evil.example' })), /not known/],
    ["the provider's key without an iss", () => sign(claims({ iss: undefined })), /not known/],
    ['an iss that only begins like it', () => sign(claims({ iss: `${ISSUER}/` })), /not known/],
    ['an iss in a list', () => sign(claims({ iss: [ISSUER] })), /not known/],
    ['another audience', () => sign(claims({ aud: 'other' })), /claim aud/],
    ['other audiences', () => sign(claims({ aud: ['a', 'b'] })), /claim aud/],
    ['no audience', () => sign(claims({ aud: undefined })), /aud/],
    ['expired', () => sign(claims({ exp: seconds() - 30 })), /expired/, 'token_expired'],
    ['no exp', () => sign(claims({ exp: undefined })), /lacks the claim exp/],
    ['not valid for another 31 s', () => sign(claims({ nbf: seconds() + 31 })), /not valid yet/],
    ['an org with bad characters', () => sign(claims({ org: 'demo/+' })), /its org does not name one organisation/],
    ['an org in capitals', () => sign(claims({ org: 'Demo' })), /its org/],
    ['several organisations', () => sign(claims({ org: ['a', 'b'] })), /its org/],
    ['no org', () => sign(claims({ org: undefined })), /its org/],
    ['an org with an embedded NUL', () => sign(claims({ org: 'demo\0' })), /its org/],
    ['a sub with an embedded NUL', () => sign(claims({ sub: 'ana\0' })), /its sub/],
    ['a sub that is a filter', () => sign(claims({ sub: '#' })), /its sub/],
    ['a sub with a pipe', () => sign(claims({ sub: 'auth0|5f7c8ec7c33c' })), /TRACKWIRE_JWT_SUB_CLAIM/],
    [
      'a role that is not mapped',
      () => sign(claims({ realm_access: { roles: ['admin'] } })),
      /names no role that counts/,
    ],
    ['no roles', () => sign(claims({ realm_access: undefined })), /names no role that counts/],
    ['roles of a wrong shape', () => sign(claims({ realm_access: { roles: { ops: true } } })), /names no role/],
    [
      'a role from the prototype',
      () => sign(claims({ realm_access: {}, __proto__: { roles: ['ops'] } })),
      /names no role/,
    ],
    ['our own role claim beside', () => sign(claims({ role: 'admin', realm_access: undefined })), /names no role/],
    ['devices of a wrong shape', () => sign(claims({ devices: 'all' })), /devices/],
    [
      'a token that is too large',
      async () => `${await sign(claims({ filler: 'x'.repeat(16_384) }))}`,
      /longer than \d+ characters/,
    ],
    ['a NUL in the token', async () => `${await sign(claims())}\0`, /JWT|signature/],
    [
      'claims swapped under the signature',
      async () => {
        const [header, , signature] = (await sign(claims())).split('.')
        return `${header}.${encode(claims({ sub: 'eva' }))}.${signature}`
      },
      /signature does not fit/,
    ],
  ]
  for (const [name, make, message, code = 'token_invalid'] of refused) {
    test(`refused: ${name}`, async () => {
      const token = await make()
      await assert.rejects(tokens.verify(token), (error: unknown) => {
        assert.ok(error instanceof TrackwireError)
        assert.equal(error.code, code)
        assert.match(error.message, message)
        return true
      })
    })
  }

  test('of a claim that is there twice the last one counts, for the choice of the key as for the verification', async () => {
    const twice = async (first: string, last: string, key: CryptoKey, kid: string) => {
      const body = JSON.stringify(claims()).replace(`"iss":"${ISSUER}"`, `"iss":"${first}","iss":"${last}"`)
      const input = `${encode({ alg: 'ES256', kid })}.${Buffer.from(body).toString('base64url')}`
      const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(input))
      return `${input}.${Buffer.from(signature).toString('base64url')}`
    }
    const { signing } = own
    assert.equal((await tokens.verify(await twice('x', ISSUER, es.privateKey, 'es-1'))).issuer, ISSUER)
    await assert.rejects(tokens.verify(await twice(ISSUER, 'x', es.privateKey, 'es-1')), { code: 'token_invalid' })
    await assert.rejects(tokens.verify(await twice('x', ISSUER, signing.privateKey, signing.kid)), {
      code: 'token_invalid',
    })
  })

  test('a key that the provider adds is fetched when a token bears it, but at most every 30 s', async () => {
    const added = await makePair('ES256', 'es-9')
    const token = () => sign(claims({ jti: String(nowMs) }), { kid: 'es-9' }, added.privateKey)
    nowMs += 30_000
    await assert.rejects(tokens.verify(await token()), { code: 'token_invalid' })
    assert.equal(provider.asked, 1)
    provider.keys = [...provider.keys, added.jwk]
    const flood = await Promise.allSettled(
      Array.from({ length: 50 }, async (_, i) => tokens.verify(await sign(claims(), { kid: `made-up-${i}` }))),
    )
    assert.ok(flood.every(({ status }) => status === 'rejected'))
    assert.equal(provider.asked, 1, 'not asked again')
    nowMs += 30_000
    const crowd = await Promise.all(Array.from({ length: 20 }, async () => tokens.verify(await token())))
    assert.equal(crowd.length, 20)
    assert.equal(provider.asked, 2, 'once for all of them')
  })

  test('a key that the provider takes out of use is forgotten, remembered tokens with it', async () => {
    const token = await sign(claims())
    await tokens.verify(token)
    provider.keys = [rs.jwk]
    nowMs += 30_000
    await assert.rejects(tokens.verify(await sign(claims(), { kid: 'new' })), { code: 'token_invalid' })
    await assert.rejects(tokens.verify(token), { code: 'token_invalid' })
  })

  const faults: readonly [string, NonNullable<Provider['answer']>][] = [
    ['is down', response => response.socket?.destroy()],
    ['answers 500', response => response.writeHead(500).end('{}')],
    ['redirects elsewhere', response => response.writeHead(302, { location: '/other' }).end()],
    ['answers with something else', response => response.end('<html>')],
    ['has no list of keys', response => response.end('{"keys":{}}')],
    ['has no key that is fit', response => response.end('{"keys":[{"kty":"oct","k":"AAAA","kid":"es-1"}]}')],
    ['answers without end', response => response.end(Buffer.alloc(300 * 1_024, 0x20))],
  ]
  for (const [name, answer] of faults) {
    test(`the last good keys stay in use while the provider ${name}`, async () => {
      provider.answer = answer
      nowMs += 30_000
      await assert.rejects(tokens.verify(await sign(claims(), { kid: 'unknown' })), { code: 'token_invalid' })
      assert.equal(provider.asked, 1)
      assert.equal((await tokens.verify(await sign(claims()))).sub, 'ana')
    })
  }

  test('a provider that was away at the start is asked again; until then its tokens wait, ours do not', async t => {
    provider.answer = response => response.writeHead(503).end()
    const late = await startOutsideKeys({ url: provider.url, logger, now })
    t.after(() => late.close())
    const waiting = createTokens(own, {
      now,
      outside: { issuer: ISSUER, audience: AUDIENCE, mapping: MAPPING, trust: { keys: late } },
    })
    await assert.rejects(waiting.verify(await sign(claims())), { code: 'identity_provider_unavailable' })
    await waiting.verify(await waiting.mint({ sub: 'u', org: 'demo', role: 'user', ttlSeconds: 60 }))
    provider.answer = undefined
    nowMs += 30_000
    assert.equal((await waiting.verify(await sign(claims()))).sub, 'ana')
  })

  test('an organisation may be fixed, and a claim have dots in its name', async () => {
    const mapping: ClaimMapping = {
      subClaim: 'https://trackwire.example/sub',
      org: { fixed: 'acme' },
      roleClaim: 'https://trackwire.example/roles',
      roles: [['Fleet Admin', 'admin']],
    }
    const fixed = createTokens(own, {
      now,
      outside: { issuer: ISSUER, audience: undefined, mapping, trust: { keys: outside } },
    })
    const more = { 'https://trackwire.example/sub': 'u-1', 'https://trackwire.example/roles': 'Fleet Admin' }
    const principal = await fixed.verify(await sign(claims({ ...more, org: 'other', sub: 'auth0|1', aud: undefined })))
    assert.deepEqual([principal.org, principal.sub, principal.role], ['acme', 'u-1', 'admin'])
  })

  test('with a shared secret HS256 counts, and the secret opens nothing else', async () => {
    const secret = Buffer.from('a secret of at least thirty-two bytes')
    const mapping: ClaimMapping = { ...MAPPING, roleClaim: 'role', roles: [['user', 'user']] }
    const shared = createTokens(own, {
      now,
      outside: { issuer: undefined, audience: undefined, mapping, trust: { secret } },
    })
    const payload = { sub: 'ana', org: 'demo', role: 'user', exp: seconds() + 60 }
    assert.equal((await shared.verify(hmac({ alg: 'HS256' }, payload, secret))).sub, 'ana')
    const bad = [
      hmac({ alg: 'HS256' }, payload, 'another secret of at least 32 bytes....'),
      hmac({ alg: 'HS256', kid: own.signing.kid }, payload, JSON.stringify(own.jwks().keys[0])),
      hmac({ alg: 'HS256' }, { ...payload, role: 'admin' }, secret),
      hmac({ alg: 'ES256', kid: own.signing.kid }, payload, secret),
      hmac({ alg: 'HS512' }, payload, secret),
      hmac({ alg: 'HS256' }, { ...payload, exp: undefined }, secret),
    ]
    for (const token of bad) await assert.rejects(shared.verify(token), { code: 'token_invalid' })
    await shared.verify(await shared.mint({ sub: 'u', org: 'demo', role: 'user', ttlSeconds: 60 }))
    await assert.rejects(shared.verify(await sign(claims())), { code: 'token_invalid' })
  })

  test('no token and no private key was logged', () => {
    assert.doesNotMatch(log.join(''), /eyJ|"d":/)
  })
})
