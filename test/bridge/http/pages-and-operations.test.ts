import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { dashboardPolicy, tileHost } from '../../../bridge/http/security-headers.ts'
import { createUser, type PartHealth } from '../../../bridge/index.ts'
import { ADMIN, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

const COMPRESSED: readonly (readonly [name: string, text: string])[] = [
  ['atlas-abc123.json', JSON.stringify({ type: 'Topology', arcs: 'arc '.repeat(500) })],
  ['map-abc123.js', `export default ${JSON.stringify('map '.repeat(500))}`],
  ['map-abc123.css', '.map { color: red }'.repeat(100)],
]

const HELMET = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'strict-origin-when-cross-origin',
}

describe('pages and operations', () => {
  let platform: HttpPlatform
  let dashboardDirectory: string
  let parts: Record<string, PartHealth> | Error
  const wellParts = { database: { ok: true }, broker: { ok: true, connections: 3 } }

  before(async () => {
    dashboardDirectory = await mkdtemp(join(tmpdir(), 'trackwire-dashboard-'))
    await mkdir(join(dashboardDirectory, 'assets'))
    await writeFile(join(dashboardDirectory, 'index.html'), '<!doctype html><title>Trackwire</title>')
    await writeFile(join(dashboardDirectory, 'favicon.svg'), '<svg/>')
    await writeFile(join(dashboardDirectory, 'assets', 'index-abc123.js'), 'export {}')
    for (const [name, text] of COMPRESSED) {
      await writeFile(join(dashboardDirectory, 'assets', name), text)
      await writeFile(join(dashboardDirectory, 'assets', `${name}.br`), brotliCompressSync(text))
      await writeFile(join(dashboardDirectory, 'assets', `${name}.gz`), gzipSync(text))
    }
    platform = await startHttpPlatform({
      dashboardDirectory,
      mapTileUrl: 'https://{s}.tiles.example:8443/{z}/{x}/{y}.png',
      mqttPort: () => 1_884,
      health: async () => {
        if (parts instanceof Error) throw parts
        return parts
      },
    })
    parts = wellParts
  })
  after(async () => {
    await platform.close()
    await rm(dashboardDirectory, { recursive: true, force: true })
  })

  describe('dashboard', () => {
    for (const url of ['/', '/index.html', '/devices/truck-1', '/login?next=/']) {
      test(`opening ${url} gives the page, always asked for anew`, async () => {
        const { status, headers, body } = await platform.call('GET', url, { headers: HTML })
        assert.equal(status, 200)
        assert.match(String(headers['content-type']), /text\/html/)
        assert.match(body, /<title>Trackwire/)
        assert.equal(headers['cache-control'], 'no-cache')
      })
    }

    test('the page runs own scripts and MapLibre only, and loads tiles of the configured host', async () => {
      const { headers } = await platform.call('GET', '/', { headers: HTML })
      const script = await platform.call('GET', '/assets/index-abc123.js')
      assert.equal(
        script.headers['content-security-policy'],
        headers['content-security-policy'],
        'a worker is ruled by its own file',
      )
      const policy = new Map(
        String(headers['content-security-policy'])
          .split('; ')
          .map(line => [line.split(' ', 1)[0]!, line.slice(line.indexOf(' ') + 1)]),
      )
      assert.equal(policy.get('script-src'), "'self'")
      assert.equal(policy.get('worker-src'), "'self' blob:")
      assert.equal(policy.get('img-src'), "'self' data: blob: https://*.tiles.example:8443")
      assert.equal(
        policy.get('connect-src'),
        "'self' ws://localhost:80 wss://localhost:80 https://*.tiles.example:8443",
      )
      assert.equal(policy.get('object-src'), "'none'")
      assert.equal(policy.get('frame-ancestors'), "'none'")
    })

    test('hashed assets are kept for ever, others are asked for anew', async () => {
      const asset = await platform.call('GET', '/assets/index-abc123.js')
      assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
      assert.match(String(asset.headers['content-type']), /javascript/)
      assert.equal((await platform.call('GET', '/favicon.svg')).headers['cache-control'], 'no-cache')
    })

    for (const [name, text] of COMPRESSED) {
      for (const [accepted, encoding] of [
        ['gzip, deflate, br, zstd', 'br'],
        ['gzip', 'gzip'],
        ['identity', undefined],
      ] as const) {
        test(`${name} goes to who accepts ${accepted} as ${encoding ?? 'it is'}, with its own type`, async () => {
          const response = await platform.app.inject({
            url: `/assets/${name}`,
            headers: { 'accept-encoding': accepted },
          })
          assert.equal(response.statusCode, 200)
          assert.equal(response.headers['content-encoding'], encoding)
          assert.match(String(response.headers.vary), /accept-encoding/i)
          assert.match(
            String(response.headers['content-type']),
            /\.json$/.test(name) ? /^application\/json/ : /\/(java|c)/,
          )
          assert.equal(response.headers['cache-control'], 'public, max-age=31536000, immutable')
          assert.ok(response.headers['content-security-policy'], 'also a compressed worker is ruled by its own file')
          const body = response.rawPayload
          const plain = encoding === 'br' ? brotliDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body
          assert.equal(String(plain), text)
        })
      }
    }

    const missing: readonly [string, string, Record<string, string>][] = [
      ['a script that is gone', '/assets/index-old.js', HTML],
      ['an image that is gone', '/logo.png', { accept: 'image/*' }],
      ['an API call', '/api/v1/nothing', HTML],
      ['anything that does not ask for a page', '/devices/truck-1', { accept: 'application/json' }],
      ['a way out of the folder', '/..%2f..%2fpackage.json', { accept: '*/*' }],
    ]
    for (const [name, url, headers] of missing) {
      test(`${name} is a problem, not the page`, async () => {
        const answer = await platform.call('GET', url, { headers })
        assert.ok(answer.status === 404 || answer.status === 403, String(answer.status))
        assert.match(String(answer.headers['content-type']), /problem\+json/)
      })
    }

    test('a POST to a page is no page', async () => {
      assert.equal((await platform.call('POST', '/devices', { headers: HTML })).status, 404)
    })

    test('what a browser must know before logging in', async () => {
      const { body } = await platform.call('GET', '/api/v1/config')
      assert.deepEqual(body, {
        version: '0.0.0-test',
        mapTileUrl: 'https://{s}.tiles.example:8443/{z}/{x}/{y}.png',
        mqttPath: '/mqtt',
        mqttPort: 1_884,
      })
    })

    for (const [url, source] of [
      ['https://tile.example/{z}/{x}/{y}.png', 'https://tile.example'],
      ['https://{a-c}.tile.example/{z}/{x}/{y}.png', 'https://*.tile.example'],
      ['http://localhost:8081/{z}.png', 'http://localhost:8081'],
      ['/tiles/{z}/{x}/{y}.png', ''],
      ["https://a.example; script-src 'unsafe-inline'", 'https://a.example'],
    ] as const) {
      test(`the policy lets ${url} in as ${source || 'nothing'}`, () => assert.equal(tileHost(url), source))
    }
  })

  test('answers of the API are not kept, not sniffed, not framed', async () => {
    const { headers } = await platform.call('GET', '/api/v1/devices', { caller: ADMIN })
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['x-frame-options'], 'DENY')
    assert.match(String(headers['content-security-policy']), /^default-src 'none'/)
    assert.equal(headers['strict-transport-security'], undefined, 'only over TLS')
  })

  test('every answer bears what helmet sends by default, refusals and pages that are missing too', async () => {
    const answers = [
      await platform.call('GET', '/api/v1/devices', { caller: ADMIN }),
      await platform.call('GET', '/api/v1/devices'),
      await platform.call('GET', '/nothing/here'),
      await platform.call('OPTIONS', '/api/v1/devices', { headers: { origin: 'https://evil.example' } }),
    ]
    for (const { headers } of answers) {
      assert.deepEqual(Object.fromEntries(Object.keys(HELMET).map(name => [name, headers[name]])), HELMET)
      assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/)
      assert.equal(headers['x-powered-by'], undefined)
    }
  })

  test('the policy of the page lets it connect to its own host alone, whatever Host header comes', () => {
    const connectTo = (host: string | undefined, secure: boolean) =>
      /connect-src ([^;]*)/.exec(dashboardPolicy(undefined, host, secure))?.[1]
    assert.equal(connectTo('track.example:8080', false), "'self' ws://track.example:8080 wss://track.example:8080")
    assert.equal(connectTo('[::1]:8080', true), "'self' wss://[::1]:8080")
    for (const host of [undefined, '*', "x; script-src 'unsafe-inline'", 'a b', 'https://evil.example', 'x,y']) {
      assert.equal(connectTo(host, true), "'self'", host)
    }
    assert.match(dashboardPolicy(undefined, 'x', true), /; upgrade-insecure-requests$/)
    assert.doesNotMatch(dashboardPolicy(undefined, 'x', false), /upgrade/)
  })

  describe('CORS', () => {
    const preflight = (origin: string) =>
      platform.call('OPTIONS', '/api/v1/devices', { headers: { origin, 'access-control-request-method': 'GET' } })

    test('a preflight of a listed origin is answered without a token', async () => {
      const { status, headers } = await preflight('https://app.example')
      assert.equal(status, 204)
      assert.equal(headers['access-control-allow-origin'], 'https://app.example')
      assert.equal(headers['access-control-allow-credentials'], 'true')
      assert.match(String(headers['access-control-allow-methods']), /PUT/)
      assert.match(String(headers['access-control-allow-headers']), /authorization/)
      assert.equal(headers.vary, 'origin')
    })

    for (const origin of [
      'https://evil.example',
      'https://app.example.evil.example',
      'https://x.app.example',
      'https://notapp.example',
      'https://app.example:8443',
      'https://app.example@evil.example',
      'http://app.example',
      'null',
    ]) {
      test(`a preflight of ${origin} is refused`, async () => {
        const { status, headers } = await preflight(origin)
        assert.equal(status, 403)
        assert.equal(headers['access-control-allow-origin'], undefined)
      })
    }

    test('an answer to a listed origin may be read by its page, refusals too', async () => {
      const headers = { origin: 'https://app.example' }
      for (const caller of [ADMIN, undefined]) {
        const answer = await platform.call('GET', '/api/v1/devices', { ...(caller && { caller }), headers })
        assert.equal(answer.headers['access-control-allow-origin'], 'https://app.example')
      }
    })

    test('an answer that depends on Origin and Accept says both', async () => {
      const answer = await platform.call('GET', '/api/v1/fences', {
        caller: ADMIN,
        headers: { origin: 'https://app.example' },
      })
      assert.equal(answer.headers.vary, 'origin, accept')
    })

    test('another origin gets its answer without leave to read it', async () => {
      const answer = await platform.call('GET', '/api/v1/devices', {
        caller: ADMIN,
        headers: { origin: 'https://evil.example' },
      })
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    })
  })

  describe('health', () => {
    test('all parts well: 200, ready', async () => {
      parts = wellParts
      const { status, body } = await platform.call('GET', '/health')
      assert.equal(status, 200)
      assert.deepEqual(body, { status: 'ok', live: true, ready: true, version: '0.0.0-test', parts: wellParts })
      const realtime = await platform.call('GET', '/health/realtime')
      assert.deepEqual([realtime.status, realtime.body], [200, { status: 'ok', connections: 3 }])
    })

    test('a part that is not well: 503, alive but not ready, and which part', async () => {
      parts = { ...wellParts, database: { ok: false, detail: 'no answer' } }
      const { status, body } = await platform.call('GET', '/health')
      assert.equal(status, 503)
      assert.deepEqual([body.status, body.live, body.ready], ['degraded', true, false])
      assert.equal(body.parts.database.detail, 'no answer')
      assert.equal((await platform.call('GET', '/health/realtime')).status, 200, 'the broker is well')
    })

    test('a check that fails is not well, and says nothing of its inside', async () => {
      parts = new Error('password=secret')
      const { status, body } = await platform.call('GET', '/health')
      assert.equal(status, 503)
      assert.ok(!JSON.stringify(body).includes('secret'))
      parts = wellParts
    })
  })

  test('metrics count requests by route pattern, not by URL', async () => {
    await platform.call('GET', '/api/v1/devices/metric-device', { caller: ADMIN })
    const { headers, body } = await platform.call('GET', '/metrics')
    assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
    assert.match(
      body,
      /trackwire_http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/devices\/:deviceId",status="404"\} 1/,
    )
    assert.ok(!body.includes('metric-device'))
  })

  test('the log has method, route, status and time of a request, and no secrets', async () => {
    platform.log.length = 0
    const token = await platform.token(ADMIN)
    const password = 'a-very-secret-password'
    await platform.call('GET', '/api/v1/devices?limit=7', { token, headers: { 'x-request-id': 'trace-1' } })
    await platform.call('POST', '/api/v1/auth/login', { body: { username: 'someone', password } })
    const lines = platform.log.map(line => JSON.parse(line))
    const first = lines.find(line => line.route === '/api/v1/devices')
    assert.deepEqual([first.method, first.status, first.reqId, typeof first.ms], ['GET', 200, 'trace-1', 'number'])
    const all = platform.log.join('')
    for (const secret of [token, password, 'someone']) assert.ok(!all.includes(secret))
  })

  test('a request id that is no id is replaced', async () => {
    const { headers } = await platform.call('GET', '/health', { headers: { 'x-request-id': 'a b\tc' } })
    assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/)
  })

  test('a person logs in, asks, renews, takes a socket token and logs out', async () => {
    await createUser(platform.db, { org: 'demo', username: 'ann', role: 'dispatcher', password: 'a good one' })
    const login = await platform.call('POST', '/api/v1/auth/login', {
      body: { username: 'ann', password: 'a good one' },
    })
    assert.equal(login.status, 200)
    const { accessToken, refreshToken, ...rest } = login.body
    assert.deepEqual(rest, {
      tokenType: 'Bearer',
      expiresIn: 900,
      user: { sub: 'ann', org: 'demo', role: 'dispatcher' },
    })
    assert.equal((await platform.call('GET', '/api/v1/devices', { token: accessToken })).status, 200)

    const renewed = await platform.call('POST', '/api/v1/auth/refresh', { body: { refreshToken } })
    assert.equal(renewed.status, 200)
    assert.deepEqual(renewed.body.user, rest.user)

    const socket = await platform.call('POST', '/api/v1/auth/socket-token', { token: renewed.body.accessToken })
    assert.equal(socket.body.expiresIn, 86_400)
    const principal = await platform.tokens.verify(socket.body.token)
    assert.deepEqual([principal.sub, principal.org, principal.role], ['ann', 'demo', 'dispatcher'])
    assert.ok(principal.expiresAtMs > Date.now() + 86_000_000)
    const again = await platform.call('POST', '/api/v1/auth/socket-token', { token: socket.body.token })
    assert.equal(again.body.code, 'forbidden', 'a socket token does not renew itself')

    const out = await platform.call('POST', '/api/v1/auth/logout', {
      body: { refreshToken: renewed.body.refreshToken },
    })
    assert.equal(out.status, 204)
    const after = await platform.call('POST', '/api/v1/auth/refresh', {
      body: { refreshToken: renewed.body.refreshToken },
    })
    assert.equal(after.status, 401)
  })

  test('a socket token has the grants and acl of the token it was made with', async () => {
    const caller = { role: 'driver' as const, devices: ['truck-1'], acl: { sub: ['demo/x'] } }
    const { body } = await platform.call('POST', '/api/v1/auth/socket-token', { caller })
    const principal = await platform.tokens.verify(body.token)
    assert.deepEqual([...principal.devices], ['truck-1'])
    assert.deepEqual(principal.acl, [{ permission: 'allow', action: 'subscribe', topic: 'demo/x' }])
  })

  test('the JWK Set is public and holds no private part', async () => {
    const { status, body } = await platform.call('GET', '/.well-known/jwks.json')
    assert.equal(status, 200)
    assert.equal(body.keys.length, 1)
    assert.equal(body.keys[0].d, undefined)
  })
})
