import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import mqtt, { type IClientOptions } from 'mqtt'
import { WebSocket } from 'ws'
import { type Authority, makeAuthority, opensslTime, type Pair } from '../support/certificates.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { trackwire } from '../support/trackwire-command.ts'

const ADMIN = { role: 'admin', sub: 'ana' } as const
const WITHIN_MS = 30_000

interface SecurePlatform {
  readonly platform: RunningPlatform
  readonly ca: Authority
  readonly mqttsPort: number
  readonly httpsPort: number
  readonly files: { readonly cert: string; readonly key: string; readonly crl: string }
  /** The certificate that a listener shows now. */
  shown(port: number, options?: ConnectionOptions): Promise<X509Certificate>
  /** Puts another pair into the files, key last, as renewal scripts do. */
  put(pair: Pair): Promise<void>
  device(pair: Pair, options?: IClientOptions): Promise<mqtt.MqttClient>
  metrics(): Promise<string>
}

async function startSecure(t: TestContext, more: Record<string, string> = {}): Promise<SecurePlatform | undefined> {
  const ca = await makeAuthority(t)
  if (ca === undefined) return undefined
  const folder = await temporaryFolder(t)
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), crl: join(folder, 'crl.pem') }
  const put = async (pair: Pair): Promise<void> => {
    await copyFile(pair.certFile, files.cert)
    await copyFile(pair.keyFile, files.key)
  }
  await put(await serverPair(ca))
  await writeFile(files.crl, await ca.revocationList())
  const platform = await startTestPlatform(t, {
    environment: {
      TRACKWIRE_MQTTS_PORT: '0',
      TRACKWIRE_TLS_CERT: files.cert,
      TRACKWIRE_TLS_KEY: files.key,
      TRACKWIRE_TLS_CA: ca.certFile,
      TRACKWIRE_TLS_CRL: files.crl,
      TRACKWIRE_LOG_LEVEL: 'info',
      ...more,
    },
  })
  const mqttsPort = Number(/^MQTT over TLS +mqtts:\S+:(\d+)$/m.exec(platform.output())?.[1])
  const httpsPort = Number(new URL(platform.httpUrl).port)
  return {
    platform,
    ca,
    mqttsPort,
    httpsPort,
    files,
    put,
    async shown(port, options = {}) {
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, ...options })
      try {
        await once(socket, 'secureConnect')
        return socket.getPeerX509Certificate()!
      } finally {
        socket.destroy()
      }
    },
    async device({ cert, key }, options = {}) {
      const url = `mqtts://127.0.0.1:${mqttsPort}`
      const client = await mqtt.connectAsync(url, { ca: ca.cert, cert, key, reconnectPeriod: 0, ...options })
      t.after(() => {
        client.end(true)
      })
      return client
    },
    async metrics() {
      const [response] = await once(get(`${platform.httpUrl}/metrics`, { ca: ca.cert, agent: false }), 'response')
      return await readText(response)
    },
  }
}

const serverPair = (ca: Authority, until?: string): Promise<Pair> =>
  ca.issue({ subject: '/CN=127.0.0.1', san: 'IP:127.0.0.1', ...(until && { until }) })

const api = async (secure: SecurePlatform, path: string, method = 'GET'): Promise<{ status: number; text: string }> => {
  const headers = { authorization: `Bearer ${await secure.platform.token(ADMIN)}` }
  const request = get(`${secure.platform.httpUrl}${path}`, { ca: secure.ca.cert, agent: false, method, headers })
  const [response] = await once(request, 'response')
  return { status: response.statusCode, text: await readText(response) }
}

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = Date.now() + WITHIN_MS
  while (!(await holds())) {
    if (Date.now() > deadlineMs) throw new Error(`${what} did not come true`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const said = (secure: SecurePlatform, text: string): Promise<void> =>
  until(`the log says "${text}"`, () => secure.platform.output().includes(text))
const ended = (client: mqtt.MqttClient): Promise<void> => new Promise(resolve => client.once('close', () => resolve()))
const fingerprintOf = ({ cert }: Pair): string => new X509Certificate(cert).fingerprint256

test('a device comes by certificate alone: registered on first use, listed, revoked live within a second', async t => {
  const secure = await startSecure(t)
  if (secure === undefined) return
  const pair = await secure.ca.issue({ subject: '/O=demo/CN=truck-7' })
  const truck = await secure.device(pair)
  const fix = { timestamp: Date.now(), location: { lat: 41.15, lng: -8.61 } }
  await truck.publishAsync('demo/devices/truck-7/location', JSON.stringify(fix), { qos: 1 })
  const last = await api(secure, '/api/v1/devices/truck-7/last')
  assert.equal(JSON.parse(last.text).timestamp, fix.timestamp)
  const listed = JSON.parse((await api(secure, '/api/v1/devices/truck-7/certificates')).text)
  assert.match(listed.items[0].subject, /\bCN=truck-7\b/)
  assert.equal(listed.items[0].revokedAt, null)

  const gone = ended(truck)
  const fingerprint = fingerprintOf(pair)
  assert.equal((await api(secure, `/api/v1/devices/truck-7/certificates/${fingerprint}`, 'DELETE')).status, 204)
  await gone
  await assert.rejects(secure.device(pair), /Not authorized/)
  const after = JSON.parse((await api(secure, '/api/v1/devices/truck-7/certificates')).text)
  assert.equal(after.items[0].revokedBy, 'ana')
  await secure.device(await secure.ca.issue({ subject: '/O=demo/CN=truck-7' }))
  assert.equal(await secure.platform.stop(), 0)
})

test('HTTPS and WSS ask nobody for a certificate, also where MQTTS requires one', async t => {
  const secure = await startSecure(t, { TRACKWIRE_TLS_CLIENT_CERT: 'required' })
  if (secure === undefined) return
  assert.equal((await api(secure, '/api/v1/devices')).status, 200)
  const url = `wss://127.0.0.1:${secure.httpsPort}/mqtt`
  const password = await secure.platform.token(ADMIN)
  const desk = await mqtt.connectAsync(url, { ca: secure.ca.cert, username: 'any', password, reconnectPeriod: 0 })
  desk.end(true)
  const bare = `mqtts://127.0.0.1:${secure.mqttsPort}`
  await assert.rejects(mqtt.connectAsync(bare, { ca: secure.ca.cert, password, username: 'any', reconnectPeriod: 0 }))
})

test('changed files are used by new handshakes of every listener; standing connections live on', async t => {
  const secure = await startSecure(t)
  if (secure === undefined) return
  const { mqttsPort, httpsPort, put, ca, platform, files } = secure
  const truck = await secure.device(await ca.issue({ subject: '/O=demo/CN=truck-7' }))
  const desk = new WebSocket(`wss://127.0.0.1:${httpsPort}/mqtt`, 'mqtt', { ca: ca.cert })
  await once(desk, 'open')
  let ended = 0
  truck.on('close', () => ended++)
  desk.on('close', () => ended++)

  // Handshakes and messages go on all the while: none fails, whichever pair it meets.
  let loading = true
  let handshakes = 0
  const load = (async () => {
    while (loading) {
      await Promise.all([secure.shown(mqttsPort), secure.shown(httpsPort)])
      const fix = { timestamp: Date.now(), location: { lat: 41.15, lng: -8.61 } }
      await truck.publishAsync('demo/devices/truck-7/location', JSON.stringify(fix), { qos: 1 })
      handshakes += 2
    }
  })()

  const renewed = await serverPair(ca)
  await put(renewed)
  for (const port of [mqttsPort, httpsPort]) {
    await until(
      `port ${port} shows the new certificate`,
      async () => (await secure.shown(port)).fingerprint256 === fingerprintOf(renewed),
    )
  }

  const again = await serverPair(ca)
  await put(again)
  process.kill(platform.pid, 'SIGHUP')
  await until('SIGHUP is enough', async () => (await secure.shown(mqttsPort)).fingerprint256 === fingerprintOf(again))

  // A pair that does not fit, garbage, a file that is gone: the old one stays.
  await copyFile(renewed.keyFile, files.key)
  process.kill(platform.pid, 'SIGHUP')
  await said(secure, 'TRACKWIRE_TLS_KEY is not the key of TRACKWIRE_TLS_CERT')
  await writeFile(files.cert, 'garbage')
  process.kill(platform.pid, 'SIGHUP')
  await said(secure, 'TRACKWIRE_TLS_CERT: the file holds no certificate')
  for (const port of [mqttsPort, httpsPort])
    assert.equal((await secure.shown(port)).fingerprint256, fingerprintOf(again))
  assert.match(await secure.metrics(), /trackwire_tls_reloads_total\{result="refused"\} [2-9]/)
  assert.match(await secure.metrics(), /trackwire_tls_reloads_total\{result="renewed"\} 2/)

  loading = false
  await load
  assert.ok(handshakes > 0)
  assert.equal(ended, 0, 'no standing connection ended')
  desk.terminate()
  assert.equal(await platform.stop(), 0)
})

test('a renewed list of revoked certificates counts at once, also for the connection that stands by one', async t => {
  const secure = await startSecure(t)
  if (secure === undefined) return
  const { ca, files, platform } = secure
  const [bad, good] = [await ca.issue({ subject: '/O=demo/CN=bad' }), await ca.issue({ subject: '/O=demo/CN=good' })]
  const [badTruck, goodTruck] = [await secure.device(bad), await secure.device(good)]
  await ca.revoke(bad)
  const gone = ended(badTruck)
  await writeFile(files.crl, await ca.revocationList())
  process.kill(platform.pid, 'SIGHUP')
  await gone
  await assert.rejects(secure.device(bad), /Not authorized/)
  assert.ok(goodTruck.connected)
  await secure.device(await ca.issue({ subject: '/O=demo/CN=other' }))
})

test('a certificate that ends within 14 days is warned of, told as a metric, and found by the doctor', async t => {
  const secure = await startSecure(t)
  if (secure === undefined) return
  await said(secure, 'the TLS certificate expires in')
  const text = await secure.metrics()
  const seconds = Number(/^trackwire_tls_certificate_expires_at_seconds (\S+)$/m.exec(text)?.[1])
  assert.ok(Math.abs(seconds * 1_000 - Date.now() - 2 * 86_400_000) < 3_600_000, text.slice(0, 300))

  const doctor = async (pair: { certFile: string; keyFile: string }) => {
    const environment = {
      TRACKWIRE_TLS_CERT: pair.certFile,
      TRACKWIRE_TLS_KEY: pair.keyFile,
      TRACKWIRE_MQTT_PORT: '0',
      TRACKWIRE_HTTP_PORT: '0',
    }
    const { stdout } = await trackwire(t, ['doctor'], environment)
    return /^.*\bTLS\b.*$/m.exec(stdout)?.[0] ?? stdout
  }
  assert.match(
    await doctor(await serverPair(secure.ca)),
    /^FAIL +TLS +the certificate .* expires on .* in 2 days: renew it$/,
  )
  assert.match(await doctor(await serverPair(secure.ca, opensslTime(-60_000))), /^FAIL +TLS +.*has expired on/)
  const long = await serverPair(secure.ca, opensslTime(100 * 86_400_000))
  assert.match(await doctor(long), /^ok +TLS +1 certificate\(s\), good for (99|100) days$/)
  const chained = join(secure.platform.dataDirectory, 'chain.pem')
  const stranger = await serverPair(secure.ca, opensslTime(50 * 86_400_000))
  await writeFile(chained, `${long.cert}\n${stranger.cert}`)
  assert.match(await doctor({ ...long, certFile: chained }), /^FAIL +TLS +.*is not signed by the one behind it/)
})

test('ciphers without forward secrecy or authentication are not spoken', async t => {
  const secure = await startSecure(t)
  if (secure === undefined) return
  for (const port of [secure.mqttsPort, secure.httpsPort]) {
    for (const ciphers of ['AES128-SHA', 'AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA']) {
      await assert.rejects(secure.shown(port, { ciphers, maxVersion: 'TLSv1.2' }), ciphers)
    }
    await assert.rejects(secure.shown(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }))
    await secure.shown(port, { maxVersion: 'TLSv1.2' })
    await secure.shown(port, { minVersion: 'TLSv1.3' })
  }
})

test('files of client certificates that cannot be used end the start with a sentence each', async t => {
  const ca = await makeAuthority(t)
  if (ca === undefined) return
  const pair = await serverPair(ca)
  const tls = { TRACKWIRE_TLS_CERT: pair.certFile, TRACKWIRE_TLS_KEY: pair.keyFile, TRACKWIRE_MQTTS_PORT: '0' }
  for (const [environment, sentence] of [
    [{ ...tls, TRACKWIRE_TLS_CA: pair.keyFile }, /TRACKWIRE_TLS_CA: the file holds no certificate/],
    [
      { ...tls, TRACKWIRE_TLS_CA: ca.certFile, TRACKWIRE_TLS_CRL: ca.certFile },
      /TRACKWIRE_TLS_CRL: the file holds no certificate revocation list/,
    ],
  ] as const) {
    const { code, stderr } = await trackwire(t, ['serve'], environment)
    assert.equal(code, 2)
    assert.match(stderr, sentence)
  }
})
