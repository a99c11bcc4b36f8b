import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestPlatform } from '../support/platform.ts'
import { trackwire } from '../support/trackwire-command.ts'

test('access answers the same beside a running platform and without it, of an account and of a token', async t => {
  const platform = await startTestPlatform(t)
  const { dataDirectory } = platform
  const tokenFile = join(dataDirectory, 'a-token')
  const acl = [{ permission: 'deny' as const, action: 'all' as const, topic: 'demo/fences/#' }]
  await writeFile(tokenFile, `${await platform.token({ role: 'dispatcher', sub: 'desk', acl })}\n`)
  const environment = { TRACKWIRE_DATA: dataDirectory }
  const ask = (...args: string[]) => trackwire(t, ['access', ...args], environment)
  const questions = [
    ['--sub', 'admin', '--action', 'subscribe', '--topic', 'demo/#'],
    ['--sub', 'gateway', '--role', 'service', '--action', 'publish', '--topic', 'demo/devices/x/last'],
    ['--token-file', tokenFile, '--action', 'subscribe', '--topic', 'demo/fences/+'],
  ]
  const running = []
  for (const question of questions) running.push(await ask(...question))
  const nobody = await ask('--sub', 'nobody', '--action', 'publish', '--topic', 'x')
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /nobody is no account and no device of demo/)
  await platform.stop()
  for (const [at, question] of questions.entries()) {
    const stopped = await ask(...question)
    assert.equal(stopped.code, 0, stopped.stderr)
    assert.equal(stopped.stdout, running[at]!.stdout)
  }
  assert.match(
    running[0]!.stdout,
    /^admin admin of demo may subscribe to demo\/#: role admin: demo\/#\.\n {2}- The topic/,
  )
  assert.match(running[1]!.stdout, /may not publish to .*only the platform publishes here/)
  assert.match(running[2]!.stdout, /→ Rule 1 of the acl claim \(deny all demo\/fences\/#\) matches, and decides\./)
})
