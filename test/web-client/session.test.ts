import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Api, Request } from '../../web-client/dashboard/src/live/api.ts'
import { createAuth } from '../../web-client/dashboard/src/live/auth.ts'
import {
  linkInFragment,
  loadSession,
  renewInMs,
  type Session,
  saveSession,
  sessionOf,
  sessionOfToken,
} from '../../web-client/dashboard/src/live/session.ts'

const tokenOf = (claims: unknown): string =>
  `e30.${Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims)).toString('base64url')}.signature`
const CLAIMS = { sub: 'ana', org: 'demo', role: 'dispatcher', exp: 2_000 }

test('a link carries a one-time code or a token in the fragment', () => {
  assert.deepEqual(linkInFragment('#code=abc'), { kind: 'code', value: 'abc' })
  assert.deepEqual(linkInFragment('#token=a.b.c'), { kind: 'token', value: 'a.b.c' })
  assert.deepEqual(linkInFragment('#other=1&token=a.b.c'), { kind: 'token', value: 'a.b.c' })
  for (const fragment of ['', '#', '#token=', '#code=', '#tokens=x'])
    assert.equal(linkInFragment(fragment), null, fragment)
})

test('a token tells whose it is and when it ends', () => {
  const token = tokenOf(CLAIMS)
  assert.deepEqual(sessionOfToken(token), {
    org: 'demo',
    sub: 'ana',
    role: 'dispatcher',
    accessToken: token,
    expiresAtMs: 2_000_000,
  })
})

const bad: [string, string][] = [
  ['no token at all', 'hello'],
  ['a body that is not JSON', tokenOf('{')],
  ['a body that is no object', tokenOf('null')],
  ['no organisation', tokenOf({ ...CLAIMS, org: undefined })],
  ['an organisation that would break a topic', tokenOf({ ...CLAIMS, org: 'a/#' })],
  ['an unknown role', tokenOf({ ...CLAIMS, role: 'king' })],
  ['no end', tokenOf({ ...CLAIMS, exp: undefined })],
]
for (const [name, token] of bad) {
  test(`is no session: ${name}`, () => assert.equal(sessionOfToken(token), null))
}

const answer = {
  accessToken: 'a',
  expiresIn: 900,
  user: { sub: 'ana', org: 'demo', role: 'dispatcher' as const },
}

test('a session is renewed well before it ends', () => {
  const session = sessionOf(answer, 1_000)
  assert.equal(session.expiresAtMs, 901_000)
  assert.equal(renewInMs(session, 1_000), 720_000)
  assert.equal(renewInMs(session, 901_000), 1_000, 'an ended one at once, but not in a tight loop')
  assert.equal(renewInMs({ ...session, expiresAtMs: 61_000 }, 1_000), 30_000, 'a short one half a minute before')
})

function memory(): { map: Map<string, string> } & Parameters<typeof loadSession>[0] {
  const map = new Map<string, string>()
  return {
    map,
    getItem: key => map.get(key) ?? null,
    setItem: (key, value) => map.set(key, value),
    removeItem: key => map.delete(key),
  }
}

test('a session outlives a reload, not its end, and not a logout', () => {
  const storage = memory()
  const session = sessionOf(answer, 0, 'session-0')
  saveSession(storage, session)
  assert.deepEqual(loadSession(storage, 1), session)
  assert.deepEqual(loadSession(storage, 10 ** 9), session, 'one that can be renewed is renewed')
  const linked: Session = sessionOf(answer, 0)
  saveSession(storage, linked)
  assert.equal(loadSession(storage, linked.expiresAtMs), null, 'one that cannot is over')
  saveSession(storage, null)
  assert.equal(loadSession(storage, 1), null)
})

test('what is stored and broken is no session', () => {
  const storage = memory()
  saveSession(storage, sessionOf(answer, 0))
  for (const text of ['{', '7', '{}', '{"org":"a/b","sub":"x"}']) {
    storage.map.set([...storage.map.keys()][0]!, text)
    assert.equal(loadSession(storage, 1), null, text)
  }
})

function startAuth(storage: ReturnType<typeof memory>, claim: (name: string) => Promise<boolean>) {
  const asked: string[] = []
  const bodies: unknown[] = []
  const api: Api = {
    async request<Answer>(path: string, request?: Request) {
      asked.push(path)
      bodies.push(request?.body)
      return answer as Answer
    },
    clockOffsetMs: () => 0,
  }
  return { auth: createAuth(api, storage, claim, () => 'session-1'), asked, bodies }
}

test('a login claims its session; a reload of the same tab goes on with it', async t => {
  const storage = memory()
  const claims: string[] = []
  const claim = async (name: string) => claims.push(name) > 0
  const { auth } = startAuth(storage, claim)
  await auth.login('ana', 'secret')
  assert.deepEqual(claims, ['session-1'])

  const { auth: reloaded } = startAuth(storage, claim)
  t.after(() => [auth, reloaded].map(({ close }) => close()))
  assert.equal(reloaded.store.get().session, null, 'not before it is known to be its own')
  assert.equal(reloaded.store.get().checking, true)
  await Promise.resolve()
  assert.deepEqual(claims, ['session-1', 'session-1'])
  assert.equal(reloaded.store.get().session?.sub, 'ana')
})

test('a copied tab never uses the refresh token of the first one', async t => {
  const storage = memory()
  saveSession(storage, sessionOf(answer, 0, 'session-0'))
  const { auth: copy, asked } = startAuth(storage, async name => name !== 'session-0')
  t.after(() => copy.close())
  await Promise.resolve()
  const { session, reason, checking } = copy.store.get()
  assert.equal(session, null)
  assert.equal(checking, false)
  assert.match(reason ?? '', /copy of one that is logged in/)
  assert.deepEqual(asked, [], 'nothing was sent')
  assert.equal(loadSession(storage, 1), null, 'and the copied token is gone')
  await copy.login('ana', 'secret')
  assert.equal(copy.store.get().session?.name, 'session-1')
})

test('a renewed session keeps its name', async t => {
  const storage = memory()
  const { auth, asked, bodies } = startAuth(storage, async () => true)
  t.after(() => auth.close())
  await auth.login('ana', 'secret')
  await auth.refused()
  assert.equal(auth.store.get().session?.name, 'session-1')
  assert.deepEqual(asked, ['/auth/login', '/auth/refresh'])
  assert.deepEqual(bodies, [{ username: 'ana', password: 'secret', session: 'session-1' }, { session: 'session-1' }])
  assert.doesNotMatch([...storage.map.values()].join(''), /refresh/i, 'no refresh token where a script could read it')
})
