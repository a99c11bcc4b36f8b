import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import mqtt, { type IClientOptions } from 'mqtt'
import { NODE_ARGUMENTS } from '../support/node-arguments.ts'
import { startTestPlatform, TRACKWIRE } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import type { Who } from '../support/who.ts'
import { Ear } from '../support/wire.ts'

const run = promisify(execFile)
const DEVICE = { role: 'device', sub: 'truck-7' } as const

interface Pair {
  readonly cert: string
  readonly key: string
}

/** A self-signed certificate for 127.0.0.1; undefined, and the test skipped, without openssl. */
async function selfSigned(t: TestContext): Promise<Pair | undefined> {
  const folder = await temporaryFolder(t)
  const pair = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  try {
    await run('openssl', ['req', '-x509', ...kind, ...name, '-keyout', pair.key, '-out', pair.cert])
    return pair
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('openssl is not installed: there is no certificate to serve')
    return undefined
  }
}

test('with the TLS pair, MQTT, HTTP and MQTT over WebSocket are all encrypted', async t => {
  const pair = await selfSigned(t)
  if (pair === undefined) return
  const platform = await startTestPlatform(t, {
    environment: {
      TRACKWIRE_MQTTS_PORT: '0',
      TRACKWIRE_TLS_CERT: pair.cert,
      TRACKWIRE_TLS_KEY: pair.key,
    },
  })
  assert.match(platform.mqttUrl, /^mqtt:/)
  const mqttsUrl = /^MQTT over TLS +(mqtts:\S+)$/m.exec(platform.output())?.[1]
  assert.ok(mqttsUrl, platform.output())
  assert.match(platform.httpUrl, /^https:/)
  const ca = await readFile(pair.cert)

  const connectTo = async (url: string, who: Who, options: IClientOptions = { ca }) => {
    const password = await platform.token(who)
    const client = await mqtt.connectAsync(url, { username: 'any', password, reconnectPeriod: 0, ...options })
    t.after(() => {
      client.end(true)
    })
    return client
  }
  const desk = await connectTo(`${platform.httpUrl.replace('https', 'wss')}/mqtt`, { role: 'dispatcher', sub: 'desk' })
  const ear = new Ear(desk)
  await desk.subscribeAsync('demo/devices/+/+', { qos: 1 })

  const truck = await connectTo(mqttsUrl, DEVICE)
  await ear.hear<{ connection?: string }>('the transport', ({ payload }) => payload.connection === 'mqtt/tls')
  const fix = { timestamp: Date.now(), location: { lat: 41.15, lng: -8.61 } }
  await truck.publishAsync('demo/devices/truck-7/location', JSON.stringify(fix), { qos: 1 })
  await ear.hear('the fix', ({ topic }) => topic === 'demo/devices/truck-7/location')
  const [health] = await once(get(`${platform.httpUrl}/health`, { ca, agent: false }), 'response')
  assert.equal(health.statusCode, 200)
  health.resume()

  await assert.rejects(connectTo(mqttsUrl, DEVICE, {}), /self-signed certificate/)
  const { hostname, port } = new URL(mqttsUrl)
  const old = connect({ host: hostname, port: Number(port), ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })
  await assert.rejects(once(old, 'secureConnect'), 'TLS 1.1 is refused')
  // The failed handshakes have cost nobody anything.
  await truck.publishAsync('demo/devices/truck-7/location', JSON.stringify({ ...fix, timestamp: fix.timestamp + 1 }), {
    qos: 1,
  })
  assert.equal(await platform.stop(), 0)
})

test('device add reaches a running platform over TLS, and only the one with the configured certificate', async t => {
  const [pair, other] = [await selfSigned(t), await selfSigned(t)]
  if (pair === undefined || other === undefined) return
  const environment = (of: Pair) => ({ TRACKWIRE_TLS_CERT: of.cert, TRACKWIRE_TLS_KEY: of.key })
  const platform = await startTestPlatform(t, { environment: environment(pair) })
  const add = (id: string, more: Record<string, string>) =>
    run(process.execPath, [TRACKWIRE, 'device', 'add', id, '--org', 'demo'], {
      cwd: platform.dataDirectory,
      env: { PATH: process.env.PATH, TRACKWIRE_DATA: platform.dataDirectory, ...more },
    })
  assert.match((await add('truck-8', environment(pair))).stdout, /^eyJ\S+\n$/)
  await assert.rejects(add('truck-9', environment(other)), /its certificate is not the one in TRACKWIRE_TLS_CERT/)
  await assert.rejects(add('truck-9', {}), /set TRACKWIRE_TLS_CERT and TRACKWIRE_TLS_KEY as the platform has them/)
})

test('a TLS pair that cannot be used ends the start with the name of the file at fault', async t => {
  const [pair, other] = [await selfSigned(t), await selfSigned(t)]
  if (pair === undefined || other === undefined) return
  const folder = await temporaryFolder(t)
  const garbage = join(folder, 'garbage.pem')
  await writeFile(garbage, 'not a certificate')
  for (const [cert, key, said] of [
    [garbage, pair.key, /^trackwire: TRACKWIRE_TLS_CERT: the file holds no certificate/],
    [pair.cert, garbage, /^trackwire: TRACKWIRE_TLS_KEY: the file holds no private key/],
    [pair.cert, other.key, /^trackwire: TRACKWIRE_TLS_KEY is not the key of TRACKWIRE_TLS_CERT/],
  ] as const) {
    const child = spawn(process.execPath, [...NODE_ARGUMENTS, TRACKWIRE, 'serve'], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        TRACKWIRE_DATA: join(folder, 'data'),
        TRACKWIRE_MQTT_PORT: '0',
        TRACKWIRE_HTTP_PORT: '0',
        TRACKWIRE_TLS_CERT: cert,
        TRACKWIRE_TLS_KEY: key,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    t.after(() => {
      child.kill('SIGKILL')
    })
    let stderr = ''
    child.stderr.on('data', data => {
      stderr += data
    })
    assert.deepEqual(await once(child, 'close'), [2, null])
    assert.match(stderr, said)
  }
})

test('the demo serves its city over a self-signed certificate too', async t => {
  const pair = await selfSigned(t)
  if (pair === undefined) return
  const environment = { TRACKWIRE_TLS_CERT: pair.cert, TRACKWIRE_TLS_KEY: pair.key }
  const demo = await startTestPlatform(t, { command: 'demo', environment })
  assert.match(demo.httpUrl, /^https:/)
  assert.equal(await demo.stop(), 0, demo.output())
})
