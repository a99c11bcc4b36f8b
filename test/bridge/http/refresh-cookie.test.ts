import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createUser } from '../../../bridge/index.ts'
import { ADMIN, type Answer, type Caller, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const HOST = 'track.example'
const PAGE = { host: HOST, origin: `http://${HOST}` }
const SESSION = 'trackwire.session.1-2-3-4'

/** What a browser keeps of an answer. */
function cookieOf(answer: Answer): { pair: string; attributes: string; value: string } {
  const [set] = [answer.headers['set-cookie'] ?? ''].flat()
  const [pair = '', ...attributes] = set!.split('; ')
  return { pair, value: pair.split('=')[1]!, attributes: attributes.join('; ') }
}

describe('sessions of browsers', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    await createUser(platform.db, { org: 'demo', username: 'eva', role: 'dispatcher', password: 'right words' })
  })
  after(() => platform.close())

  const login = (headers: Record<string, string> = PAGE, session: string = SESSION) =>
    platform.call('POST', '/api/v1/auth/login', {
      headers,
      body: { username: 'eva', password: 'right words', session },
    })
  const refresh = (cookie: string | undefined, headers: Record<string, string> = PAGE, session: string = SESSION) =>
    platform.call('POST', '/api/v1/auth/refresh', {
      headers: { ...headers, ...(cookie && { cookie }) },
      body: { session },
    })

  test('the refresh token is in a cookie that no script can read, not in the body', async () => {
    const answer = await login()
    assert.equal(answer.status, 200)
    assert.deepEqual(Object.keys(answer.body).sort(), ['accessToken', 'expiresIn', 'tokenType', 'user'])
    const { pair, attributes } = cookieOf(answer)
    assert.match(pair, /^trackwire-refresh-trackwire\.session\.1-2-3-4=[\w-]{43}$/)
    assert.equal(attributes, 'Path=/api/v1/auth; HttpOnly; SameSite=Strict; Max-Age=604800')
  })

  test('behind TLS it is Secure', async () => {
    const { pair, attributes } = cookieOf(await login({ ...PAGE, 'x-forwarded-proto': 'https' }))
    assert.match(pair, /^__Secure-trackwire-refresh-/)
    assert.match(attributes, /; Secure$/)
  })

  test('a refresh by the cookie renews it; the one that was used is refused, and the session is over', async () => {
    const first = cookieOf(await login()).pair
    const renewed = await refresh(first)
    assert.equal(renewed.status, 200)
    assert.equal(renewed.body.refreshToken, undefined)
    const second = cookieOf(renewed).pair
    assert.notEqual(second, first)
    const reused = await refresh(first)
    assert.equal(reused.body.code, 'refresh_reused')
    assert.match(cookieOf(reused).attributes, /Max-Age=0/, 'the browser forgets it')
    assert.equal((await refresh(second)).body.code, 'token_invalid')
  })

  test('tabs have sessions of their own: all refresh at once, and none trips over another', async () => {
    const names = Array.from({ length: 4 }, (_, index) => `tab-session-${index}`)
    const jar = await Promise.all(names.map(async name => cookieOf(await login(PAGE, name)).pair))
    const answers = await Promise.all(names.map(name => refresh(jar.join('; '), PAGE, name)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      names.map(() => 200),
    )
    assert.equal(new Set(answers.map(answer => cookieOf(answer).value)).size, names.length)
  })

  test('a browser that logs in again and again keeps its newest sessions', async () => {
    const old = Array.from({ length: 20 }, (_, index) => `trackwire-refresh-old-session-${index}=x`)
    const answer = await login({ ...PAGE, cookie: old.join('; ') })
    const [, ...dropped] = [answer.headers['set-cookie'] ?? ''].flat()
    assert.deepEqual(
      dropped.map(text => text.split('=', 1)[0]),
      old.slice(0, 5).map(text => text.split('=', 1)[0]),
    )
    assert.ok(dropped.every(text => text.includes('Max-Age=0')))
  })

  const foreign: readonly [string, Record<string, string>][] = [
    ['a page of another site', { host: HOST, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a page of a sister host', { host: HOST, origin: `http://evil.${HOST}`, 'sec-fetch-site': 'same-site' }],
    ['a page on another port', { host: HOST, origin: `http://${HOST}:9999` }],
    ['a sandboxed page', { host: HOST, origin: 'null' }],
    ['something without an origin', { host: HOST }],
  ]
  for (const [name, headers] of foreign) {
    test(`the cookie does nothing for ${name}`, async () => {
      const { pair } = cookieOf(await login())
      for (const verb of ['refresh', 'logout']) {
        const answer = await platform.call('POST', `/api/v1/auth/${verb}`, {
          headers: { ...headers, cookie: pair },
          body: { session: SESSION },
        })
        assert.equal(answer.body.code, 'forbidden', verb)
        assert.equal(answer.headers['set-cookie'], undefined)
      }
      assert.equal((await login(headers)).body.code, 'forbidden', 'nor is one set')
      assert.equal((await refresh(pair)).status, 200, 'it is still good for our own')
    })
  }

  test('a page of an allowed origin, and one whose host a proxy changed, may use it', async () => {
    for (const headers of [
      { host: HOST, origin: 'https://app.example', 'sec-fetch-site': 'same-site' },
      { host: 'inner:8080', origin: 'https://outer.example', 'sec-fetch-site': 'same-origin' },
    ]) {
      const { pair } = cookieOf(await login(headers))
      assert.equal((await refresh(pair, headers)).status, 200)
    }
  })

  test('the cookie opens nothing else', async () => {
    const { pair, value } = cookieOf(await login())
    for (const [method, url] of [
      ['GET', '/api/v1/devices'],
      ['POST', '/api/v1/auth/socket-token'],
      ['GET', '/api/v1/admin/audit'],
    ] as const) {
      assert.equal(
        (await platform.call(method, url, { headers: { ...PAGE, cookie: pair } })).body.code,
        'token_missing',
      )
    }
    assert.equal((await platform.call('GET', '/api/v1/devices', { token: value })).body.code, 'token_invalid')
  })

  test('logging out ends the session and clears the cookie', async () => {
    const { pair } = cookieOf(await login())
    const answer = await platform.call('POST', '/api/v1/auth/logout', {
      headers: { ...PAGE, cookie: pair },
      body: { session: SESSION },
    })
    assert.equal(answer.status, 204)
    assert.match(cookieOf(answer).attributes, /Max-Age=0/)
    assert.equal((await refresh(pair)).body.code, 'token_invalid')
  })

  test('without the cookie there is no session; names that could break a header are refused', async () => {
    assert.equal((await refresh(undefined)).body.code, 'token_invalid')
    for (const name of ['short', 'a; Path=/', 'a=b-session', 'a\r\nset-cookie: x=y', 'x'.repeat(81)]) {
      assert.equal((await refresh(undefined, PAGE, name)).body.code, 'payload_invalid', name)
    }
    for (const body of [{}, { session: SESSION, refreshToken: 'x' }]) {
      assert.equal(
        (await platform.call('POST', '/api/v1/auth/refresh', { headers: PAGE, body })).body.code,
        'payload_invalid',
      )
    }
  })

  test('whoever does not ask for a cookie gets the refresh token in the body, as ever', async () => {
    const body = { username: 'eva', password: 'right words' }
    const answer = await platform.call('POST', '/api/v1/auth/login', { body })
    assert.equal(answer.headers['set-cookie'], undefined)
    const { refreshToken } = answer.body
    assert.equal((await platform.call('POST', '/api/v1/auth/refresh', { body: { refreshToken } })).status, 200)
  })

  describe('one-time codes of links', () => {
    const redeem = (code: string) => platform.call('POST', '/api/v1/auth/code', { body: { code } })

    test('a code is good once, for the rights of whoever asked', async () => {
      const caller: Caller = { role: 'user', sub: 'guest', devices: ['truck-7'] }
      const { status, body } = await platform.call('POST', '/api/v1/auth/codes', { caller })
      assert.equal(status, 201)
      assert.match(body.code, /^[\w-]{22}$/)
      const [first, second] = await Promise.all([redeem(body.code), redeem(body.code)])
      const [good, bad] = first.status === 200 ? [first, second] : [second, first]
      assert.equal(bad.body.code, 'token_invalid')
      assert.ok(good.body.expiresIn <= 600, 'no longer than the token of whoever asked')
      const principal = await platform.tokens.verify(good.body.accessToken)
      assert.deepEqual([principal.sub, principal.role, [...principal.devices]], ['guest', 'user', ['truck-7']])
    })

    test('a code that nobody used in ten minutes is none any more; only its hash was kept', async () => {
      const { code } = (await platform.call('POST', '/api/v1/auth/codes', { caller: ADMIN })).body
      const rows = await platform.db.query('select * from login_codes')
      assert.ok(!JSON.stringify(rows).includes(code))
      await platform.db.query('update login_codes set expires_at = $1', [Date.now() - 1])
      assert.equal((await redeem(code)).body.code, 'token_invalid')
      assert.equal((await redeem('made-up')).body.code, 'token_invalid')
    })

    test('a socket token gets none: it would have a successor of itself', async () => {
      const token = (await platform.call('POST', '/api/v1/auth/socket-token', { caller: ADMIN })).body.token
      assert.equal((await platform.call('POST', '/api/v1/auth/codes', { token })).body.code, 'forbidden')
    })

    test('it is written down', async () => {
      const { body } = await platform.call('GET', '/api/v1/admin/audit?action=session.code', { caller: ADMIN })
      assert.deepEqual(
        body.items.map(({ actor }: { actor: string }) => actor),
        ['guest'],
      )
    })
  })

  test('no token, cookie, code or password got into the log', () => {
    assert.ok(platform.log.length > 30)
    assert.doesNotMatch(platform.log.join(''), /eyJ|trackwire-refresh|right words|#code/)
  })
})
