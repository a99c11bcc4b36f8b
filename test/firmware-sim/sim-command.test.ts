import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { buildTopic, type LocationUpdate, parseTopic } from '../../contract/index.ts'
import { simCommand } from '../../firmware-sim/index.ts'
import { type RecordingBroker, startRecordingBroker } from './recording-broker.ts'

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function sim(argv: string[], options: { signal?: AbortSignal; noKey?: true } = {}): Promise<Result> {
  let stdout = ''
  let stderr = ''
  const code = await simCommand.run(argv, {
    stdout: { write: text => (stdout += text) },
    stderr: { write: text => (stderr += text) },
    signal: options.signal ?? new AbortController().signal,
    ...(options.noKey ? {} : { mintToken: (deviceId, org) => `${org}-${deviceId}` }),
  })
  return { code, stdout, stderr }
}

async function fileWith(t: TestContext, name: string, content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sim-command-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

function fixesOf(broker: RecordingBroker): { deviceId: string; fix: LocationUpdate }[] {
  return broker.received.flatMap(({ topic, payload }) => {
    const parsed = parseTopic(topic)
    const deviceId = parsed?.params.deviceId ?? ''
    if (parsed?.channel === 'location') return [{ deviceId, fix: payload as LocationUpdate }]
    return parsed?.channel === 'locationBatch' ? (payload as LocationUpdate[]).map(fix => ({ deviceId, fix })) : []
  })
}

/** A token as far as the simulator reads it: its claims, without a signature. */
function tokenOf(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`
}

describe('trackwire sim tells mistakes in one sentence, with exit code 2', () => {
  const cases: [name: string, argv: string[], message: RegExp][] = [
    ['an option that there is not', ['--speeed', '2'], /Unknown option '--speeed'/],
    ['a word that belongs to no option', ['now'], /Unexpected argument 'now'/],
    ['an address that is none', ['--url', 'localhost'], /--url is "localhost"/],
    ['an address of another protocol', ['--url', 'http://x'], /--url is "http:\/\/x"/],
    ['an organisation with capitals', ['--org', 'ACME'], /--org is "ACME"/],
    ['a device id with a slash', ['--device', 'a/b'], /--device is "a\/b"/],
    ['half a device', ['--devices', '0.5'], /--devices is "0.5"; give a whole number from 1/],
    ['a QoS that is not served', ['--qos', '2'], /--qos is "2"/],
    ['a number that is empty', ['--interval', ''], /--interval is ""/],
    ['a batch beyond the contract', ['--batch', '1001'], /--batch is "1001".*1 to 1000/],
    ['another city', ['--city', 'Rome'], /the one city there is is demo/],
    ['a replay of nothing', ['--replay'], /--replay needs the file/],
    ['a link that is always cut', ['--offline-every', '5', '--offline-for', '5'], /no link at all/],
    ['an endless drive at double speed', ['--speed', '2'], /needs --duration or --count/],
    ['two tokens', ['--token', 'x', '--token-file', 'y'], /not both/],
    ['a token file that is not there', ['--token-file', 'no/such'], /no\/such cannot be read \(ENOENT\)/],
    ['a track file that is not there', ['--route', 'no/such.csv'], /no\/such\.csv: cannot be read/],
  ]
  for (const [name, argv, message] of cases) {
    test(name, async () => {
      const { code, stdout, stderr } = await sim(argv)
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, message)
      assert.equal(stderr.trim().split('\n').length, 1)
    })
  }

  test('no token and no key', async () => {
    const { code, stderr } = await sim([], { noKey: true })
    assert.equal(code, 2)
    assert.match(stderr, /Give --token JWT/)
  })

  test('a replay of a line without times', async t => {
    const path = await fileWith(t, 'line.csv', 'lat,lon\n41.1,-8.6\n41.2,-8.6\n')
    const { code, stderr } = await sim(['--route', path, '--replay'])
    assert.equal(code, 2)
    assert.match(stderr, /point 1 has no time, so it cannot be replayed/)
  })
})

describe('trackwire sim', { timeout: 60_000 }, () => {
  test('--help names every option', async () => {
    const { code, stdout } = await sim(['--help'])
    assert.equal(code, 0)
    const names = [
      'url',
      'token-file',
      'org',
      'route',
      'replay',
      'keep-times',
      'speed',
      'offline-every',
      'sos-after',
      'json',
    ]
    for (const name of names) assert.match(stdout, new RegExp(`--${name}\\b`))
  })

  test('drives so many devices for so many fixes, ends with a summary and exit code 0', async t => {
    const broker = await startRecordingBroker(t)
    const argv = ['--url', broker.url, '--org', 'acme', '--devices', '3', '--count', '5', '--interval', '0.05']
    const { code, stdout } = await sim(argv)
    assert.equal(code, 0)
    assert.match(stdout, /3 devices.*15 fixes taken, 15 acknowledged.* 0 refused/)
    const fixes = fixesOf(broker)
    assert.equal(fixes.length, 15)
    assert.deepEqual([...new Set(fixes.map(({ deviceId }) => deviceId))].sort(), ['sim-1', 'sim-2', 'sim-3'])
  })

  test('takes organisation and device id from a device token', async t => {
    const broker = await startRecordingBroker(t)
    const token = tokenOf({ sub: 'truck-7', org: 'acme', role: 'device' })
    assert.equal((await sim(['--url', broker.url, '--token', token, '--count', '2', '--interval', '0.05'])).code, 0)
    const topic = buildTopic('status', { org: 'acme', deviceId: 'truck-7' })
    assert.ok(broker.received.some(message => message.topic === topic))
  })

  test('gives each device its own token of a file', async t => {
    const broker = await startRecordingBroker(t)
    const seen: string[] = []
    broker.aedes.authenticate = (client, _username, password, done) => {
      seen.push(`${client.id} ${password}`)
      done(null, true)
    }
    const path = await fileWith(t, 'tokens.json', '{"sim-1": "one", "sim-2": "two"}')
    const argv = ['--url', broker.url, '--token-file', path, '--devices', '2', '--count', '1']
    assert.equal((await sim(argv)).code, 0)
    assert.deepEqual(seen.sort(), ['sim-1 one', 'sim-2 two'])
  })

  test('replays a recording faster than real time, moved so that no fix is in the future, gaps kept', async t => {
    const broker = await startRecordingBroker(t)
    const rows = Array.from({ length: 30 }, (_, i) => `bus,${1_600_000_000_000 + i * 10_000},41.1,${-8.6 + i / 1_000}`)
    const path = await fileWith(t, 'bus.csv', `device,timestamp,lat,lon\n${rows.join('\n')}\n`)
    const { code } = await sim(['--url', broker.url, '--route', path, '--replay', '--speed', '400'])
    assert.equal(code, 0)
    const times = fixesOf(broker)
      .map(({ fix }) => fix.timestamp)
      .sort((a, b) => a - b)
    assert.equal(times.length, 30)
    assert.ok(times.slice(1).every((time, i) => time - times[i]! === 10_000))
    assert.ok(times.at(-1)! <= Date.now() + 1_000)
    assert.ok(times.at(-1)! > Date.now() - 60_000)
  })

  test('replays with the times of the file when told to', async t => {
    const broker = await startRecordingBroker(t)
    const path = await fileWith(t, 'a.csv', 'device,timestamp,lat,lon\nx,1600000000000,41,-8\ny,1600000001000,41,-8\n')
    const { code } = await sim(['--url', broker.url, '--route', path, '--keep-times', '--speed', '50'])
    assert.equal(code, 0)
    const got = fixesOf(broker).map(({ deviceId, fix }) => [deviceId, fix.timestamp])
    assert.deepEqual(got.sort(), [
      ['x', 1_600_000_000_000],
      ['y', 1_600_000_001_000],
    ])
  })

  test('loses nothing with a link that is cut again and again, presses SOS, and speaks JSON', async t => {
    const broker = await startRecordingBroker(t)
    const argv = ['--devices', '2', '--interval', '0.05', '--count', '60', '--sos-after', '0.5', '--json']
    const cuts = ['--offline-every', '1.5', '--offline-for', '0.5']
    const { code, stdout } = await sim(['--url', broker.url, ...argv, ...cuts])
    assert.equal(code, 0)
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { type: string; acknowledged?: number })
    assert.equal(lines.at(-1)!.type, 'summary')
    assert.equal(lines.at(-1)!.acknowledged, 120)
    for (const type of ['progress', 'link-cut', 'resent', 'sos-triggered']) {
      assert.ok(
        lines.some(line => line.type === type),
        type,
      )
    }
    const keys = fixesOf(broker).map(({ deviceId, fix }) => `${deviceId} ${fix.timestamp}`)
    assert.equal(new Set(keys).size, 120)
  })

  test('stops gracefully when told to', async t => {
    const broker = await startRecordingBroker(t)
    const stop = new AbortController()
    const running = sim(['--url', broker.url, '--org', 'acme', '--interval', '0.05'], { signal: stop.signal })
    await broker.arrival(({ topic }) => topic === buildTopic('location', { org: 'acme', deviceId: 'sim-1' }))
    stop.abort()
    const { code, stdout } = await running
    assert.equal(code, 0)
    assert.match(stdout, /1 devices.* 0 not sent/)
  })

  test('ends with exit code 1 and the reason when the token is refused', async t => {
    const broker = await startRecordingBroker(t)
    broker.aedes.authenticate = (_client, _username, _password, done) => {
      done(Object.assign(new Error('no'), { returnCode: 5 }), false)
    }
    const { code, stderr } = await sim(['--url', broker.url, '--devices', '2'])
    assert.equal(code, 1)
    assert.match(stderr, /no device could connect: the broker refused the token \(CONNACK 5\)/)
  })

  test('ends with exit code 1 when nobody listens', async t => {
    const broker = await startRecordingBroker(t)
    await broker.shut()
    const { code, stderr } = await sim(['--url', broker.url, '--duration', '0.5'])
    assert.equal(code, 1)
    assert.match(stderr, /nobody listens/)
  })
})
