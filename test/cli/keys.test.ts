import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { trackwire } from '../support/trackwire-command.ts'

const kidsOf = (listed: string): string[] =>
  listed
    .trimEnd()
    .split('\n')
    .map(line => line.split(' ', 1)[0]!)

test('keys are listed, rotated and retired without a platform', async t => {
  const folder = await temporaryFolder(t)
  const keys = (...args: string[]) => trackwire(t, ['keys', ...args], { TRACKWIRE_DATA: folder })
  const [first] = kidsOf((await keys('list')).stdout)
  const rotated = await keys('rotate')
  assert.equal(rotated.code, 0, rotated.stderr)
  assert.match(rotated.stdout, /^\S+ {2}ES256 {2}waiting +signs from 20\d\d-/)
  const again = await keys('rotate')
  assert.equal(again.code, 1)
  assert.match(again.stderr, /is waiting already; it signs from /)
  assert.match((await keys('retire', first!)).stdout, /is retired/)
  assert.match((await keys('list')).stdout, /^\S+ {2}ES256 {2}signing +made 20\d\d-[^\n]+\n$/, 'the one left signs')
  assert.equal((await keys('retire')).code, 2)
  assert.equal((await keys('list', '--now')).code, 2)
})

test('a running platform rotates without a restart: tokens of both keys count, then those of the retired one no more', async t => {
  const platform = await startTestPlatform(t)
  const keys = (...args: string[]) => trackwire(t, ['keys', ...args], { TRACKWIRE_DATA: platform.dataDirectory })
  const ask = async (token: string) =>
    (await fetch(`${platform.httpUrl}/api/v1/devices`, { headers: { authorization: `Bearer ${token}` } })).status
  const [first] = kidsOf((await keys('list')).stdout)
  const oldToken = await platform.token({ role: 'admin', sub: 'ana' })
  assert.equal(await ask(oldToken), 200)
  const rotated = await keys('rotate', '--now')
  assert.equal(rotated.code, 0, rotated.stderr)
  const who = ['--org', 'demo', '--role', 'admin', '--sub', 'ana']
  const minted = await trackwire(t, ['token', ...who], { TRACKWIRE_DATA: platform.dataDirectory })
  const newToken = minted.stdout.trim()
  const kid = JSON.parse(Buffer.from(newToken.split('.')[0]!, 'base64url').toString()).kid
  assert.equal(kid, rotated.stdout.split(' ', 1)[0], 'the new key signs')
  assert.deepEqual([await ask(oldToken), await ask(newToken)], [200, 200])
  const jwks = (await (await fetch(`${platform.httpUrl}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
  assert.deepEqual(
    jwks.keys.map(key => key.kid),
    [first, kid],
  )
  assert.equal((await keys('retire', first!)).code, 0)
  assert.deepEqual([await ask(oldToken), await ask(newToken)], [401, 200])
})
