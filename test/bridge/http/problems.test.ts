import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { ERRORS, type ErrorCode } from '../../../contract/index.ts'
import { ADMIN, type Answer, fixAt, GATEWAY, type HttpPlatform, square, startHttpPlatform } from './http-platform.ts'

/** What every refusal has to look like, RFC 9457 §3. */
function assertProblem(answer: Answer, code: ErrorCode): void {
  const told = JSON.stringify(answer.body)
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, told)
  assert.equal(answer.body.code, code, told)
  assert.equal(answer.status, ERRORS[code].status)
  assert.equal(answer.body.status, answer.status)
  assert.equal(answer.body.title, ERRORS[code].meaning)
  assert.equal(answer.body.type, `/api/docs/errors#${code}`)
  assert.equal(typeof answer.body.detail, 'string')
  assert.ok(answer.body.detail.length > 5)
  assert.equal(answer.headers['x-request-id'], answer.body.requestId)
  assert.ok(!/ at .*\.js|node_modules|select .* from/i.test(told), 'nothing of our inside leaks')
}

describe('problems', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform()
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'truck-1' } })
  })
  after(() => platform.close())

  const FIX = '/api/tracking/location'
  const LOGIN = '/api/v1/auth/login'
  const invalidUtf8 = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
  const deep = `${'['.repeat(30)}${']'.repeat(30)}`
  const large = JSON.stringify({ ...fixAt(1), attributes: { a: 'x'.repeat(262_144) } })

  const cases: readonly [
    name: string,
    method: string,
    url: string,
    options: Parameters<HttpPlatform['call']>[2],
    code: ErrorCode,
  ][] = [
    ['broken JSON', 'POST', FIX, { caller: GATEWAY, body: '{"a":' }, 'payload_not_json'],
    ['JSON that is not UTF-8', 'POST', FIX, { caller: GATEWAY, body: invalidUtf8 }, 'payload_not_json'],
    ['no body', 'POST', FIX, { caller: GATEWAY }, 'payload_not_json'],
    ['an empty JSON body', 'POST', FIX, { caller: GATEWAY, body: '' }, 'payload_not_json'],
    ['a number for an object', 'POST', FIX, { caller: GATEWAY, body: '7' }, 'payload_invalid'],
    ['JSON nested without end', 'POST', FIX, { caller: GATEWAY, body: deep }, 'payload_invalid'],
    ['a lone surrogate', 'POST', FIX, { caller: GATEWAY, body: '{"deviceId":"\\ud800"}' }, 'payload_invalid'],
    ['a body over 256 KiB', 'POST', FIX, { caller: GATEWAY, body: large }, 'payload_too_large'],
    [
      'a form',
      'POST',
      FIX,
      { caller: GATEWAY, body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      'media_type_unsupported',
    ],
    [
      'plain text',
      'POST',
      FIX,
      { caller: GATEWAY, body: '{}', headers: { 'content-type': 'text/plain' } },
      'media_type_unsupported',
    ],
    ['a log-in of wrong types', 'POST', LOGIN, { body: { username: 1, password: true } }, 'payload_invalid'],
    [
      'a log-in with an unknown key',
      'POST',
      LOGIN,
      { body: { username: 'a', password: 'b', org: 'demo' } },
      'payload_invalid',
    ],
    ['a wrong password', 'POST', LOGIN, { body: { username: 'a', password: 'b' } }, 'credentials_wrong'],
    ['an unknown refresh token', 'POST', '/api/v1/auth/refresh', { body: { refreshToken: 'x' } }, 'token_invalid'],
    ['a device id with a space in the URL', 'GET', '/api/v1/devices/a%20b', { caller: ADMIN }, 'request_invalid'],
    ['a device id of 65 characters', 'GET', `/api/v1/devices/${'a'.repeat(65)}`, { caller: ADMIN }, 'request_invalid'],
    [
      'a device id of 500 characters',
      'GET',
      `/api/v1/devices/${'a'.repeat(500)}`,
      { caller: ADMIN },
      'request_invalid',
    ],
    ['a URL that is not percent-encoded', 'GET', '/api/v1/devices/%zz', { caller: ADMIN }, 'request_invalid'],
    ['an encoded slash', 'GET', '/api/v1/devices/a%2Fb', { caller: ADMIN }, 'request_invalid'],
    ['a NUL in the URL', 'GET', '/api/v1/devices/a%00b', { caller: ADMIN }, 'request_invalid'],
    ['a device with a bad id', 'POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'a b' } }, 'payload_invalid'],
    [
      'a device with a NUL in its name',
      'POST',
      '/api/v1/devices',
      { caller: ADMIN, body: { id: 'a', name: '\0' } },
      'payload_invalid',
    ],
    ['a fence that is too large', 'PUT', '/api/v1/fences/a', { caller: ADMIN, body: large }, 'payload_too_large'],
    [
      'an import of one Feature',
      'POST',
      '/api/v1/fences/import',
      { caller: ADMIN, body: square('a', 1, 1) },
      'fence_invalid',
    ],
    [
      'an SOS without an action',
      'POST',
      '/api/v1/devices/truck-1/sos',
      { caller: GATEWAY, body: { id: 'a' } },
      'payload_invalid',
    ],
    [
      'an SOS of an unknown device',
      'POST',
      '/api/v1/devices/x/sos',
      { caller: GATEWAY, body: { action: 'trigger', id: 'a', timestamp: 1 } },
      'device_unknown',
    ],
    [
      'an answer with a note that is no text',
      'POST',
      '/api/v1/sos/x/resolve',
      { caller: ADMIN, body: { note: 1 } },
      'payload_invalid',
    ],
    ['an SOS state that does not exist', 'GET', '/api/v1/sos?state=any', { caller: ADMIN }, 'request_invalid'],
    ['a URL that does not exist', 'GET', '/api/v1/nothing', {}, 'not_found'],
    ['the journeys of a later version', 'GET', '/api/v1/devices/truck-1/journeys', { caller: ADMIN }, 'not_found'],
    ['DELETE of a device', 'DELETE', '/api/v1/devices/truck-1', { caller: ADMIN }, 'method_not_allowed'],
    ['PATCH of the list of fences', 'PATCH', '/api/v1/fences', { caller: ADMIN }, 'method_not_allowed'],
    ['GET of the log-in', 'GET', LOGIN, {}, 'method_not_allowed'],
  ]
  for (const [name, method, url, options, code] of cases) {
    test(`${name} is ${code}`, async () => assertProblem(await platform.call(method, url, options), code))
  }

  test('a schema fault names its path', async () => {
    const body = { deviceId: 'truck-1', timestamp: 1, location: { lat: 'x', lng: 1 } }
    const answer = await platform.call('POST', FIX, { caller: GATEWAY, body })
    assert.equal(answer.body.path, '/location/lat')
  })

  test('405 says which methods there are', async () => {
    const answer = await platform.call('PATCH', '/api/v1/fences/home')
    assert.equal(answer.headers.allow, 'DELETE, GET, HEAD, PUT')
  })

  test('the right token does not turn an unknown URL into something else', async () => {
    assertProblem(await platform.call('POST', '/api/v1/unknown', { caller: ADMIN, body: {} }), 'not_found')
  })

  test('slowed log-ins say how long to wait', async () => {
    const guess = () => platform.call('POST', LOGIN, { body: { username: 'slow', password: 'x' } })
    for (let i = 0; i < 5; i++) assertProblem(await guess(), 'credentials_wrong')
    const answer = await guess()
    assertProblem(answer, 'too_many_attempts')
    assert.equal(answer.headers['retry-after'], '1')
  })

  describe('on a real socket', () => {
    let port: number
    before(async () => {
      await platform.app.listen({ host: '127.0.0.1', port: 0 })
      port = (platform.app.server.address() as AddressInfo).port
    })

    async function speak(text: string): Promise<string> {
      const socket = connect(port, '127.0.0.1')
      let answer = ''
      socket.on('data', chunk => {
        answer += chunk
      })
      socket.end(text)
      await once(socket, 'close')
      return answer
    }

    test('what is not HTTP is answered with a problem', async () => {
      const answer = await speak('\x10\x0eMQTT not HTTP\r\n\r\n')
      assert.match(answer, /^HTTP\/1\.1 400 /)
      assert.match(answer, /application\/problem\+json/)
      assert.match(answer, /"code":"request_invalid"/)
    })

    test('headers without end are refused', async () => {
      const answer = await speak(`GET / HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)
      assert.match(answer, /"code":"request_invalid"/)
      assert.match(answer, /larger than 16 KiB/)
    })

    test('a body that is longer than it said does not reach the next request', async () => {
      const token = await platform.token(GATEWAY)
      const head = `POST ${FIX} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\nconnection: close\r\n`
      const answer = await speak(`${head}content-length: 2\r\n\r\n{}{}`)
      assert.match(answer, /^HTTP\/1\.1 400 .*"code":"(payload|request)_invalid"/s)
    })

    test('a chunked body over the limit is refused', async () => {
      const token = await platform.token(GATEWAY)
      const body = new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(65_536).fill(0x20))
        },
      })
      const response = await fetch(`http://127.0.0.1:${port}${FIX}`, {
        method: 'POST',
        body,
        duplex: 'half',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      } as RequestInit).catch(() => null)
      // The sender may be cut off before it reads the answer; either way the platform lives on.
      if (response !== null) assert.equal(response.status, 413)
      assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200)
    })
  })
})

test('faults of ours: a broken table, a stop, a database that is gone', async t => {
  const platform = await startHttpPlatform()
  t.after(() => platform.close())

  await platform.db.exec('alter table set_aside rename to gone')
  const broken = await platform.call('GET', '/api/v1/set-aside', { caller: ADMIN })
  assertProblem(broken, 'internal')
  assert.ok(
    platform.log.some(line => line.includes('set_aside') && line.includes(broken.body.requestId)),
    'the log alone knows why',
  )

  await platform.ingest.close()
  const body = { ...fixAt(1_700_000_000_000), deviceId: 'truck-1' }
  const stopped = await platform.call('POST', '/api/tracking/location', { caller: GATEWAY, body })
  assertProblem(stopped, 'shutting_down')
  assert.equal(stopped.headers['retry-after'], '1')

  await platform.db.close()
  const gone = await platform.call('GET', '/api/v1/devices', { caller: ADMIN })
  assertProblem(gone, 'storage_unavailable')
  assert.equal(gone.headers['retry-after'], '1')
})
