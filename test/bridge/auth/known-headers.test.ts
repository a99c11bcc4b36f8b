import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { KnownHeaders } from '../../../bridge/auth/known-headers.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const seconds = NOW_MS / 1_000
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }]
const sign = (claims: JWTPayload, header: Record<string, unknown> = {}, key = privateKey) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(key)

const good = await sign({ sub: 'a', exp: seconds + 60 })
const [header, payload, signature] = good.split('.') as [string, string, string]
const learnt = () => {
  const headers = new KnownHeaders()
  headers.learn(good, 'one', keys)
  return headers
}

test('a token with a header that was found good is good by its signature and its times', async () => {
  const verdict = learnt().verify(await sign({ sub: 'b', exp: seconds - 29, nbf: seconds + 30 }), NOW_MS, 30)
  assert.deepEqual([verdict?.payload.sub, verdict?.kid], ['b', 'one'])
})

const LEFT_TO_JOSE: Readonly<Record<string, string>> = {
  'another header': await sign({ exp: seconds + 60 }, { typ: 'JWT' }),
  expired: await sign({ exp: seconds - 30 }),
  'without exp': await sign({ sub: 'a' }),
  'not valid yet': await sign({ exp: seconds + 60, nbf: seconds + 31 }),
  'a time that is no number': await sign({ exp: seconds + 60, iat: '1' as never }),
  'another form of the signature': `${header}.${payload}.${signature}=`,
  'characters that the decoder skips': `${header}.${payload}.${signature.slice(0, -2)}\n${signature.slice(-2)}`,
  'four parts': `${good}.x`,
  'no token': 'hunter2',
}
for (const [name, token] of Object.entries(LEFT_TO_JOSE)) {
  test(`left to jose: ${name}`, () => assert.equal(learnt().verify(token, NOW_MS, 30), null))
}

test('a signature of another key, or of other content, is refused', async () => {
  const stranger = await generateKeyPair('ES256')
  for (const token of [
    await sign({ exp: seconds + 60 }, {}, stranger.privateKey),
    `${header}.${payload.slice(0, -2)}AA.${signature}`,
  ]) {
    assert.throws(() => learnt().verify(token, NOW_MS, 30), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' })
  }
})

test('nothing is known once it is forgotten, or by a key that is not of the set', () => {
  const headers = learnt()
  headers.forget()
  assert.equal(headers.verify(good, NOW_MS, 30), null)
  headers.learn(good, 'other', keys)
  assert.equal(headers.verify(good, NOW_MS, 30), null)
})
