import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqtt from 'mqtt'
import { startTestPlatform } from '../support/platform.ts'
import { trackwire } from '../support/trackwire-command.ts'

test('after a tour of everything that handles tokens, none is in the log, nor a password, a cookie or a code', async t => {
  const platform = await startTestPlatform(t, { environment: { TRACKWIRE_LOG_LEVEL: 'debug' } })
  const { httpUrl, mqttUrl, administrator } = platform
  const secrets: string[] = []
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${httpUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: httpUrl, ...headers },
      body: JSON.stringify(body),
    })
    for (const cookie of response.headers.getSetCookie())
      secrets.push(...(/^[^=]+=([^;]+)/.exec(cookie)?.slice(1, 2) ?? []))
    const answer = (await response.json().catch(() => ({}))) as Record<string, string>
    secrets.push(
      ...['accessToken', 'refreshToken', 'token', 'code'].flatMap(name => (response.ok ? (answer[name] ?? []) : [])),
    )
    return answer
  }
  const { username, password } = administrator!
  await post('/api/v1/auth/login', { username, password: 'a wrong password' })
  const login = await post('/api/v1/auth/login', { username, password })
  await post('/api/v1/auth/login', { username, password, session: 'tab-session-1' })
  const cookie = `trackwire-refresh-tab-session-1=${secrets.at(-2)}`
  await post('/api/v1/auth/refresh', { session: 'tab-session-1' }, { cookie })
  await post('/api/v1/auth/refresh', { session: 'tab-session-1' }, { cookie })
  await post('/api/v1/auth/refresh', { refreshToken: login.refreshToken })
  await post('/api/v1/auth/refresh', { refreshToken: login.refreshToken })
  const bearer = { authorization: `Bearer ${await platform.token({ role: 'admin', sub: 'admin' })}` }
  secrets.push(bearer.authorization.slice(7))
  await post('/api/v1/auth/socket-token', {}, bearer)
  const { code } = await post('/api/v1/auth/codes', {}, bearer)
  await post('/api/v1/auth/code', { code })
  await post('/api/v1/auth/code', { code })
  await post('/api/v1/devices', { id: 'truck-7' }, bearer)
  await post('/api/v1/admin/keys/rotate', { immediately: true }, bearer)
  await trackwire(t, ['keys', 'list'], { TRACKWIRE_DATA: platform.dataDirectory })
  await fetch(`${httpUrl}/api/v1/devices`, { headers: { authorization: `${bearer.authorization}x` } })
  await fetch(`${httpUrl}/api/v1/nowhere?access_token=${secrets.at(-1)}`, { headers: bearer })

  const device = await platform.connect({ role: 'device', sub: 'truck-7' })
  await device
    .publishAsync('$auth/token', await platform.token({ role: 'device', sub: 'truck-7' }), { qos: 1 })
    .catch(() => {})
  for (const wrong of [`${secrets[0]}x`, 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.', 'a wrong password']) {
    await assert.rejects(mqtt.connectAsync(mqttUrl, { username: wrong, password: wrong, reconnectPeriod: 0 }))
  }
  assert.equal(await platform.stop(), 0)

  const output = platform.output()
  assert.ok(secrets.length >= 12, String(secrets.length))
  for (const secret of secrets) assert.ok(!output.includes(secret), 'a secret is in the log')
  assert.doesNotMatch(output, /eyJ[\w-]+\.[\w-]+\./)
  assert.doesNotMatch(output, /a wrong password/)
  assert.equal(output.split(password).length, 2, 'the first password is printed once')
})
