import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { withPostgresUrl } from '../support/databases.ts'
import { startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { trackwire } from '../support/trackwire-command.ts'

const SENTENCE = /^trackwire: [^\n]+\n$/

test('every command has --help and exits with 0', async t => {
  for (const command of [
    'serve',
    'demo',
    'token',
    'device',
    'user',
    'sim',
    'import',
    'replay',
    'explain',
    'migrate',
    'backup',
    'doctor',
  ]) {
    const { code, stdout } = await trackwire(t, [command, '--help'])
    assert.equal(code, 0, command)
    assert.match(stdout, /^Usage: trackwire /m, command)
  }
})

test('serve --help lists the settings with their defaults', async t => {
  const { stdout } = await trackwire(t, ['serve', '--help'])
  for (const name of [
    'TRACKWIRE_DATA',
    'TRACKWIRE_HOST',
    'TRACKWIRE_MQTT_PORT',
    'TRACKWIRE_HTTP_PORT',
    'DATABASE_URL',
    'TRACKWIRE_LIMITS',
  ]) {
    assert.match(stdout, new RegExp(`\\b${name}\\b`))
  }
  assert.match(stdout, /TRACKWIRE_MQTT_PORT .*\[1883\]/)
})

const MISTAKES: readonly [name: string, args: string[]][] = [
  ['an unknown command', ['fly']],
  ['an unknown option', ['serve', '--port', '1']],
  ['a token without a subject', ['token', '--org', 'demo', '--role', 'device']],
  ['a token of an unknown role', ['token', '--org', 'demo', '--role', 'king', '--sub', 'x']],
  ['a token of a bad organisation', ['token', '--org', 'De mo', '--role', 'admin', '--sub', 'x']],
  ['a token with a bad ttl', ['token', '--org', 'demo', '--role', 'admin', '--sub', 'x', '--ttl', 'soon']],
  ['a token whose acl is no JSON', ['token', '--org', 'demo', '--role', 'admin', '--sub', 'x', '--acl', '{']],
  [
    'a token whose acl has the wrong shape',
    ['token', '--org', 'demo', '--role', 'admin', '--sub', 'x', '--acl', '[{"permission":"maybe"}]'],
  ],
  ['a token whose scope is no JSON', ['token', '--org', 'demo', '--role', 'user', '--sub', 'x', '--scope', '{']],
  [
    'a token whose scope has no end',
    ['token', '--org', 'demo', '--role', 'user', '--sub', 'x', '--scope', '{"devices":["a"],"from":1}'],
  ],
  ['a device with a bad id', ['device', 'add', 'a b', '--org', 'demo']],
  ['a device verb that is none', ['device', 'remove', 'a', '--org', 'demo']],
  ['a user without a role', ['user', 'add', 'ann', '--org', 'demo']],
  ['a user with the role of a device', ['user', 'add', 'ann', '--org', 'demo', '--role', 'device']],
  ['a user without an organisation', ['user', 'add', 'ann', '--role', 'user']],
  ['a user verb that is none', ['user', 'drop', 'ann', '--org', 'demo']],
  ['a user of nobody', ['user', 'passwd', '--org', 'demo']],
  ['a list of one user', ['user', 'list', 'ann', '--org', 'demo']],
  ['a password with a role', ['user', 'passwd', 'ann', '--org', 'demo', '--role', 'admin']],
  ['a new password that is none', ['user', 'passwd', 'ann', '--org', 'demo', '--no-password']],
  ['a backup to nowhere', ['backup']],
  ['an explanation of nobody', ['explain']],
  ['an explanation of a bad id', ['explain', '--device', 'a b']],
  ['a question about nobody', ['access', '--action', 'publish', '--topic', 'x']],
  ['a question about no action', ['access', '--sub', 'ann', '--topic', 'x']],
  ['a question about an action that is none', ['access', '--sub', 'ann', '--action', 'read', '--topic', 'x']],
  ['a question about no topic', ['access', '--sub', 'ann', '--action', 'publish']],
  ['a question at a QoS that is none', ['access', '--sub', 'ann', '--action', 'publish', '--topic', 'x', '--qos', '3']],
  [
    'a question with a token that is not there',
    ['access', '--token-file', 'no', '--action', 'publish', '--topic', 'x'],
  ],
  ['an import of nobody', ['import', 'track.gpx']],
  ['an import of no file', ['import', '--device', 'a']],
  ['an import of a file that is not there', ['import', 'nowhere.gpx', '--device', 'a']],
  ['a replay of nobody', ['replay']],
  ['a replay of a bad id', ['replay', '--device', 'a b']],
  ['a replay in a format that is none', ['replay', '--device', 'a', '--format', 'xml']],
  ['a replay in a time zone that is none', ['replay', '--device', 'a', '--time-zone', 'Mars/Olympus']],
  ['a replay of fences that are not there', ['replay', '--device', 'a', '--fences', 'nowhere.geojson']],
  ['a replay of a track that is not there', ['replay', '--track', 'nowhere.jsonl']],
  ['a configuration file that is not there', ['serve', '--config', 'nowhere.env']],
]

for (const [name, args] of MISTAKES) {
  test(`${name} exits with 2 and one plain sentence`, async t => {
    const { code, stdout, stderr } = await trackwire(t, args)
    assert.equal(code, 2, stderr)
    assert.match(stderr, SENTENCE)
    assert.equal(stdout, '')
  })
}

test('all problems of the configuration are printed together, exit code 2', async t => {
  const { code, stderr } = await trackwire(t, ['serve'], { TRACKWIRE_MQTT_PORT: 'x', TRACKWIRE_HTTP_PORT: 'y' })
  assert.equal(code, 2)
  assert.match(stderr, /TRACKWIRE_MQTT_PORT/)
  assert.match(stderr, /TRACKWIRE_HTTP_PORT/)
})

test('the environment wins over --config, which wins over .env', async t => {
  const folder = await temporaryFolder(t)
  await writeFile(
    join(folder, '.env'),
    'TRACKWIRE_MQTT_PORT=from-dotenv\nTRACKWIRE_HTTP_PORT=from-dotenv\nTRACKWIRE_MQTTS_PORT=from-dotenv\n',
  )
  await writeFile(join(folder, 'given.env'), 'TRACKWIRE_MQTT_PORT=from-file\nTRACKWIRE_HTTP_PORT=from-file\n')
  const { stderr } = await trackwire(
    t,
    ['serve', '--config', 'given.env'],
    { TRACKWIRE_MQTT_PORT: 'from-environment' },
    folder,
  )
  assert.match(stderr, /MQTT_PORT: "from-environment"/)
  assert.match(stderr, /HTTP_PORT: "from-file"/)
  assert.match(stderr, /MQTTS_PORT: "from-dotenv"/)
})

test('token prints a JWT alone, which the platform takes', async t => {
  const platform = await startTestPlatform(t)
  const { code, stdout } = await trackwire(
    t,
    ['token', '--org', 'demo', '--role', 'admin', '--sub', 'me', '--ttl', '5m'],
    { TRACKWIRE_DATA: platform.dataDirectory },
  )
  assert.equal(code, 0)
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const response = await fetch(`${platform.httpUrl}/api/v1/devices`, {
    headers: { authorization: `Bearer ${stdout.trim()}` },
  })
  assert.equal(response.status, 200)
})

test('token --scope makes the token of a share link, which shows its devices and opens nothing else', async t => {
  const platform = await startTestPlatform(t)
  const admin = { role: 'admin', sub: 'me' } as const
  await platform.request('/api/v1/devices', { ...admin, body: { id: 'truck-1' } })
  const scope = { devices: ['truck-1'], from: Date.now() - 1_000, until: Date.now() + 60_000 }
  const args = ['token', '--org', 'demo', '--role', 'admin', '--sub', 'guest', '--scope', JSON.stringify(scope)]
  const { code, stdout, stderr } = await trackwire(t, args, { TRACKWIRE_DATA: platform.dataDirectory })
  assert.equal(code, 0, stderr)
  const headers = { authorization: `Bearer ${stdout.trim()}` }
  const shared = await fetch(`${platform.httpUrl}/api/v1/shared`, { headers })
  assert.equal(((await shared.json()) as { devices: { id: string }[] }).devices[0]?.id, 'truck-1')
  assert.equal((await fetch(`${platform.httpUrl}/api/v1/devices`, { headers })).status, 403)
})

test('device add works beside a running platform and without one', async t => {
  const platform = await startTestPlatform(t)
  const add = (id: string) =>
    trackwire(t, ['device', 'add', id, '--org', 'demo'], { TRACKWIRE_DATA: platform.dataDirectory })
  const beside = await add('truck-1')
  assert.equal(beside.code, 0, beside.stderr)
  assert.equal((await platform.request('/api/v1/devices/truck-1', { role: 'admin', sub: 'me' })).status, 200)
  assert.equal(await platform.stop(), 0)
  const without = await add('truck-2')
  assert.equal(without.code, 0, without.stderr)
  assert.match(without.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const again = await startTestPlatform(t, { dataDirectory: platform.dataDirectory })
  assert.equal((await again.request('/api/v1/devices/truck-2', { role: 'admin', sub: 'me' })).status, 200)
})

test('a second process in one data folder says that the folder is in use, and by whom', async t => {
  const platform = await startTestPlatform(t)
  const environment = { TRACKWIRE_DATA: platform.dataDirectory, TRACKWIRE_MQTT_PORT: '0', TRACKWIRE_HTTP_PORT: '0' }
  const { code, stderr } = await trackwire(t, ['serve'], environment)
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`in use by process ${platform.pid}`))
  assert.match(stderr, SENTENCE)
})

test('a port that is taken is named, with what to do', async t => {
  const platform = await startTestPlatform(t)
  const { code, stderr } = await trackwire(t, ['serve'], {
    TRACKWIRE_MQTT_PORT: new URL(platform.mqttUrl).port,
    TRACKWIRE_HTTP_PORT: '0',
  })
  assert.equal(code, 1)
  assert.match(stderr, /port \d+ on 127\.0\.0\.1 is taken; choose another one/)
})

test('the first start prints the administrator once, and the password logs in; SIGTERM ends with 0', async t => {
  const first = await startTestPlatform(t)
  assert.ok(first.administrator, first.output())
  const login = await fetch(`${first.httpUrl}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(first.administrator),
  })
  assert.equal(login.status, 200)
  assert.equal(await first.stop(), 0)
  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  assert.equal(second.administrator, undefined)
})

test('doctor says what is well and how to mend what is not', async t => {
  const well = await trackwire(t, ['doctor'], { TRACKWIRE_MQTT_PORT: '0', TRACKWIRE_HTTP_PORT: '0' })
  assert.equal(well.code, 0, well.stdout)
  const broken = await trackwire(t, ['doctor'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    TRACKWIRE_MQTT_PORT: '0',
    TRACKWIRE_HTTP_PORT: '0',
  })
  assert.equal(broken.code, 1)
  assert.match(broken.stdout, /^FAIL {2}database/m)
})

test('migrate brings an empty database up to date, and says so when there is nothing to do', async t => {
  const url = await withPostgresUrl(t)
  if (url === undefined) return
  const environment = { DATABASE_URL: url }
  assert.match((await trackwire(t, ['migrate'], environment)).stdout, /^applied: /)
  assert.match((await trackwire(t, ['migrate'], environment)).stdout, /^nothing to do/)
})

test('backup copies a stopped platform, which starts from the copy as it was; a running one is refused', async t => {
  const platform = await startTestPlatform(t)
  const device = { role: 'device', sub: 'truck-1' } as const
  const fix = { timestamp: Date.now() - 1_000, location: { lat: 1, lng: 2 } }
  assert.equal((await platform.request('/api/tracking/location', { ...device, body: fix })).status, 202)
  const target = join(await temporaryFolder(t), 'copy')
  const environment = { TRACKWIRE_DATA: platform.dataDirectory }
  const running = await trackwire(t, ['backup', '--to', target], environment)
  assert.equal(running.code, 1)
  assert.match(running.stderr, /in use by process/)
  await platform.stop()
  const stopped = await trackwire(t, ['backup', '--to', target], environment)
  assert.equal(stopped.code, 0, stopped.stderr)
  assert.equal(stopped.stdout.trim(), target)
  const restored = await startTestPlatform(t, { dataDirectory: target })
  const token = await platform.token({ role: 'admin', sub: 'boss' })
  const last = await fetch(`${restored.httpUrl}/api/v1/devices/truck-1/last`, {
    headers: { authorization: `Bearer ${token}` },
  })
  assert.equal(last.status, 200, 'the copy takes tokens of the same keys')
  assert.equal(((await last.json()) as typeof fix).timestamp, fix.timestamp)
})
