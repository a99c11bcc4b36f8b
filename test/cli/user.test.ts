import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { trackwire } from '../support/trackwire-command.ts'

async function login({ httpUrl }: RunningPlatform, username: string, password: string) {
  const response = await fetch(`${httpUrl}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  })
  return { status: response.status, ...((await response.json()) as { accessToken?: string; code?: string }) }
}

test('accounts are added, listed and given passwords beside a running platform and without one', async t => {
  const platform = await startTestPlatform(t)
  const user = (args: string[], input?: string) =>
    trackwire(t, ['user', ...args, '--org', 'demo'], { TRACKWIRE_DATA: platform.dataDirectory }, undefined, input)

  const beside = await user(['add', 'ann', '--role', 'driver', '--devices', 'truck-1,truck-2', '--groups', 'vans'])
  assert.equal(beside.code, 0, beside.stderr)
  assert.match(beside.stdout, /^[\w-]{16}\n$/, 'the password alone')
  const session = await login(platform, 'ann', beside.stdout.trim())
  assert.equal(session.status, 200)

  const given = await user(['passwd', 'ann', '--password-stdin'], 'chosen by ann\n')
  assert.deepEqual([given.code, given.stdout], [0, ''], given.stderr)
  assert.equal((await login(platform, 'ann', 'chosen by ann')).status, 200)
  const me = await fetch(`${platform.httpUrl}/api/v1/auth/me`, {
    headers: { authorization: `Bearer ${session.accessToken}` },
  })
  assert.equal(((await me.json()) as { code: string }).code, 'token_revoked', 'the log-ins before have ended')

  const weak = await user(['passwd', 'ann', '--password-stdin'], 'short')
  assert.equal(weak.code, 1)
  assert.match(weak.stderr, /^trackwire: .*at least 8 characters.*\n$/)
  const taken = await user(['add', 'ann', '--role', 'user'])
  assert.equal(taken.code, 1)
  assert.match(taken.stderr, /^trackwire: .*the user id ann is taken.*\n$/)
  const unknown = await user(['passwd', 'nobody'])
  assert.match(unknown.stderr, /no user nobody/)
  assert.equal((await user(['add', 'idp-user', '--role', 'user', '--no-password'])).stdout, '')
  const listed = [
    'admin\tadmin\tactive\t\t',
    'ann\tdriver\tactive\ttruck-1,truck-2\tvans',
    'idp-user\tuser\tactive\t\t',
    '',
  ].join('\n')
  assert.equal((await user(['list'])).stdout, listed)

  assert.equal(await platform.stop(), 0)
  assert.equal((await user(['list'])).stdout, listed)
  const without = await user(['add', 'ben', '--role', 'dispatcher'])
  assert.equal(without.code, 0, without.stderr)
  const reset = await user(['passwd', 'ann'])
  assert.equal(reset.code, 0, reset.stderr)
  const again = await startTestPlatform(t, { dataDirectory: platform.dataDirectory })
  assert.equal((await login(again, 'ben', without.stdout.trim())).status, 200)
  assert.equal((await login(again, 'ann', reset.stdout.trim())).status, 200)
  assert.equal((await login(again, 'ann', 'chosen by ann')).code, 'credentials_wrong')
})

test('a restart of the platform keeps bans and revoked tokens', async t => {
  const first = await startTestPlatform(t)
  const admin = { role: 'admin', sub: 'boss' } as const
  const banned = { role: 'device', sub: 'truck-1' } as const
  const revoked = { role: 'user', sub: 'ann' } as const
  const old = await first.token(revoked)
  const ask = async (platform: RunningPlatform, token: string) => {
    const response = await fetch(`${platform.httpUrl}/api/v1/auth/me`, {
      headers: { authorization: `Bearer ${token}` },
    })
    return ((await response.json()) as { code?: string }).code
  }
  assert.equal(await ask(first, old), undefined)
  await first.request('/api/v1/admin/bans', { ...admin, body: { sub: 'truck-1' } })
  await first.request('/api/v1/admin/revocations', { ...admin, body: { sub: 'ann' } })
  assert.equal(await first.stop(), 0)
  const again = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  assert.equal(await ask(again, old), 'token_revoked')
  assert.equal(await ask(again, await again.token(banned)), 'principal_banned')
  assert.equal(await ask(again, await again.token(revoked)), undefined, 'what is issued since then is valid')
})
