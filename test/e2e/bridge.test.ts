import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { buildTopic, type GeofenceEvent, type LocationUpdate } from '../../contract/index.ts'
import { makeAuthority } from '../support/certificates.ts'
import { FENCE, INSIDE, OUTSIDE } from '../support/ingest.ts'
import { withMosquitto } from '../support/mosquitto.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { trackwire } from '../support/trackwire-command.ts'

/* A real mosquitto beside the real platform. */

const START = Math.floor(Date.now() / 1_000) * 1_000 - 600_000

async function bridgeFile(t: TestContext, ...bridges: Record<string, unknown>[]): Promise<Record<string, string>> {
  const file = join(await temporaryFolder(t), 'bridges.json')
  const named = bridges.map(bridge => ({ name: 'yard', org: 'demo', ...bridge }))
  await writeFile(file, JSON.stringify({ bridges: named }))
  return { TRACKWIRE_BRIDGES: file, TRACKWIRE_LIMITS: 'off' }
}

/** So many may be on their way to mosquitto, or their PUBACKs from it, when it goes: far fewer than are sent. */
const ON_THEIR_WAY = 20
const OUT = { direction: 'out', filter: '#', qos: 1 }
const POSITIONS_OUT = { ...OUT, localPrefix: 'devices/', remotePrefix: 'fleet/' }
const ALERTS_OUT = { ...OUT, localPrefix: 'notifications/', remotePrefix: 'alerts/' }
const IN = { direction: 'in', filter: '#', localPrefix: 'devices/', remotePrefix: 'yard/', qos: 1 }

function fix(second: number, location: LocationUpdate['location']): string {
  return JSON.stringify({ timestamp: START + second * 1_000, location })
}

function timesOf(messages: readonly { topic: string; payload: string }[], topic: string): number[] {
  return messages
    .filter(message => message.topic === topic)
    .map(({ payload }) => ((JSON.parse(payload) as LocationUpdate).timestamp - START) / 1_000)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}

interface HealthDocument {
  readonly parts: { readonly bridges: { readonly ok: boolean; readonly yard: { readonly connected: boolean } } }
}

async function metric(platform: RunningPlatform, line: RegExp): Promise<number> {
  const text = await (await fetch(`${platform.httpUrl}/metrics`)).text()
  return Number(line.exec(text)?.[1] ?? 0)
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds()); await delay(50)) {
    if (Date.now() > deadline) assert.fail(`it did not come to be that ${what}`)
  }
}

test('messages pass both ways, are judged like any gateway’s, and do not go back where they came from', async t => {
  const mosquitto = await withMosquitto(t)
  if (mosquitto === undefined) return
  const topics = [POSITIONS_OUT, ALERTS_OUT, IN]
  const environment = await bridgeFile(t, { url: mosquitto.url, homeAssistant: true, topics })
  const platform = await startTestPlatform(t, { environment: { ...environment, TRACKWIRE_HOME_ASSISTANT: 'demo' } })
  const [there, positions, alerts, discovery] = await Promise.all([
    mosquitto.connect(),
    mosquitto.record('fleet/#'),
    mosquitto.record('alerts/#'),
    mosquitto.record('homeassistant/#'),
  ])
  const here = await platform.connect({ sub: 'ann', role: 'dispatcher' })
  const heard: string[] = []
  here.on('message', topic => heard.push(topic))
  await here.subscribeAsync('demo/devices/+/location', { qos: 1 })
  await platform.request('/api/v1/fences', { sub: 'ann', role: 'admin', body: FENCE })

  const truck = await platform.connect({ sub: 'truck', role: 'device' })
  const location = buildTopic('location', { org: 'demo', deviceId: 'truck' })
  await truck.publishAsync(location, fix(1, OUTSIDE), { qos: 1 })
  await truck.publishAsync(location, fix(2, INSIDE), { qos: 1 })
  await positions.until('both positions', messages => timesOf(messages, 'fleet/truck/location').length === 2)
  await alerts.until('the crossing', messages => messages.some(({ topic }) => topic === 'alerts/geofence/enter/truck'))
  await positions.until('the retained newest position', messages =>
    messages.some(({ topic }) => topic === 'fleet/truck/last'),
  )

  // Home Assistant at mosquitto is told of it, again when it is born, and finds where it is pointed at.
  const config = 'homeassistant/device_tracker/truck/config'
  const told = (times: number) => (messages: readonly { topic: string }[]) =>
    messages.filter(({ topic }) => topic === config).length >= times
  await discovery.until('the device', told(1))
  await there.publishAsync('homeassistant/status', 'online', { qos: 1 })
  await discovery.until('the device again', told(2))
  const { json_attributes_topic: pointedAt } = JSON.parse(
    discovery.messages.find(({ topic }) => topic === config)!.payload,
  ) as { json_attributes_topic: string }
  const attributes = await mosquitto.record(pointedAt)
  await attributes.until('where it is', ([first]) => first?.retain === true && first.payload.includes('"latitude"'))

  // Over the bridge the same device goes on; others are unknown, forbidden, or no messages at all.
  await there.publishAsync('yard/truck/location', fix(3, OUTSIDE), { qos: 1 })
  await there.publishAsync('yard/stranger/location', fix(3, OUTSIDE), { qos: 1 })
  await there.publishAsync('yard/truck/last', fix(3, OUTSIDE), { qos: 1 })
  await there.publishAsync('yard/truck/location', 'no JSON', { qos: 1 })
  await alerts.until('the exit', messages => messages.some(({ topic }) => topic === 'alerts/geofence/exit/truck'))
  await eventually('three were refused', async () => {
    const codes = ['device_unknown', 'publish_forbidden', 'payload_not_json']
    const counts = await Promise.all(
      codes.map(code =>
        metric(platform, new RegExp(`refused_total\\{bridge="yard",direction="in",code="${code}"\\} (\\d+)`)),
      ),
    )
    return counts.every(count => count === 1)
  })
  assert.equal(heard.filter(topic => topic === location).length, 3)
  await truck.publishAsync(location, fix(4, OUTSIDE), { qos: 1 })
  await positions.until('the next position', messages => timesOf(messages, 'fleet/truck/location').includes(4))
  assert.deepEqual(timesOf(positions.messages, 'fleet/truck/location'), [1, 2, 4], 'the third came from there')
  const { parts } = (await (await fetch(`${platform.httpUrl}/health`)).json()) as HealthDocument
  assert.equal(parts.bridges.ok && parts.bridges.yard.connected, true)
  assert.match(platform.output(), /device_unknown/)
})

const backlogOf = (platform: RunningPlatform) => metric(platform, /backlog_messages\{bridge="yard"\} (\d+)/)

test('nothing is lost, and nothing comes twice but what was on its way, while mosquitto is away, or the platform is killed', async t => {
  const mosquitto = await withMosquitto(t)
  if (mosquitto === undefined) return
  const environment = await bridgeFile(t, { url: mosquitto.url, topics: [POSITIONS_OUT, ALERTS_OUT, IN] })
  const platform = await startTestPlatform(t, { environment })
  const { dataDirectory } = platform
  await platform.request('/api/v1/fences', { sub: 'ann', role: 'admin', body: FENCE })
  const positions = await mosquitto.record('fleet/truck/location')
  const alerts = await mosquitto.record('alerts/#')
  const there = await mosquitto.connect()
  const send = async (to: RunningPlatform, from: number, until: number) => {
    const truck = await to.connect({ sub: 'truck', role: 'device' })
    for (let second = from; second <= until; second++) {
      const where = second % 2 === 0 ? INSIDE : OUTSIDE
      await truck.publishAsync(buildTopic('location', { org: 'demo', deviceId: 'truck' }), fix(second, where), {
        qos: 1,
      })
    }
    await truck.endAsync()
  }
  await send(platform, 1, 40)
  await eventually('the first are delivered', async () => (await backlogOf(platform)) === 0)
  // Away while messages flow.
  const flowing = send(platform, 41, 120)
  await mosquitto.stop()
  await flowing
  assert.ok(timesOf(positions.messages, 'fleet/truck/location').length < 120)
  await mosquitto.start()
  await positions.until('all 120', messages => timesOf(messages, 'fleet/truck/location').length >= 120)
  // Away again, and the platform dies with what waits; incoming ones it has not taken wait at mosquitto.
  await mosquitto.stop()
  await send(platform, 121, 160)
  await platform.stop('SIGKILL')
  await mosquitto.start()
  for (const second of upTo(20)) await there.publishAsync('yard/truck/location', fix(200 + second, OUTSIDE), { qos: 1 })
  const revived = await startTestPlatform(t, { environment, dataDirectory })
  await positions.until('all 160', messages => timesOf(messages, 'fleet/truck/location').length >= 160)
  await eventually('what waited at mosquitto came in', async () => {
    const path = `/api/v1/devices/truck/history?from=${START + 200_500}&to=${START + 230_000}`
    const { items } = (await (await revived.request(path, { sub: 'ann', role: 'admin' })).json()) as {
      items: unknown[]
    }
    return items.length === 20
  })
  await alerts.until('all crossings', messages => messages.length >= 160)
  // What was on its way when mosquitto went, its PUBACK with it, is sent again. [MQTT-4.4.0-1] Nothing else is.
  const times = timesOf(positions.messages, 'fleet/truck/location')
  assert.deepEqual([...new Set(times)], upTo(160), 'each, in order')
  assert.ok(times.length - 160 <= ON_THEIR_WAY, `${times.length - 160} came twice`)
  const ids = alerts.messages.map(({ payload }) => (JSON.parse(payload) as GeofenceEvent).id)
  assert.ok(ids.length - new Set(ids).size <= ON_THEIR_WAY, `${ids.length - new Set(ids).size} alerts came twice`)
  await eventually('the backlog is empty', async () => (await backlogOf(revived)) === 0)
})

test('over TLS with a client certificate and a password; trackwire doctor says what is wrong', async t => {
  const authority = await makeAuthority(t)
  if (authority === undefined) return
  const server = await authority.issue({ subject: '/CN=localhost', san: 'IP:127.0.0.1' })
  const client = await authority.issue({ subject: '/CN=trackwire' })
  const user = { name: 'yard', password: 'a secret' }
  const mosquitto = await withMosquitto(t, { tls: { ca: authority, server }, user })
  if (mosquitto === undefined) return
  const bridge = {
    url: mosquitto.url,
    protocol: '5',
    username: user.name,
    password: user.password,
    tls: { ca: authority.certFile, cert: client.certFile, key: client.keyFile },
    topics: [
      { ...OUT, filter: 'devices/+/location', remotePrefix: 'all/' },
      { ...IN, remotePrefix: 'all/devices/' },
    ],
  }
  const platform = await startTestPlatform(t, { environment: await bridgeFile(t, bridge) })
  await eventually(
    'it is connected',
    async () => (await metric(platform, /bridge_connected\{bridge="yard"\} (\d)/)) === 1,
  )
  const truck = await platform.connect({ sub: 'truck', role: 'device' })
  await truck.publishAsync(buildTopic('location', { org: 'demo', deviceId: 'truck' }), fix(1, OUTSIDE), { qos: 1 })
  await eventually(
    'it was sent',
    async () => (await metric(platform, /bridge_sent_total\{bridge="yard"\} (\d+)/)) === 1,
  )
  assert.equal(
    await metric(platform, /bridge_received_total\{bridge="yard"\} (\d+)/),
    0,
    'what goes out does not come back',
  )

  const faulty = [
    { ...bridge, name: 'password', password: 'wrong' },
    { ...bridge, name: 'tls', tls: undefined },
    { ...bridge, name: 'port', url: 'mqtts://127.0.0.1:1' },
  ]
  const { code, stdout } = await trackwire(t, ['doctor'], await bridgeFile(t, bridge, ...faulty))
  assert.equal(code, 1)
  assert.match(stdout, /ok {4}bridge yard {2,}127\.0\.0\.1:\d+, connected/)
  assert.match(stdout, /FAIL {2}bridge password .*look at username and passwordFile/)
  assert.match(stdout, /FAIL {2}bridge tls .*look at url, tls/)
  assert.match(stdout, /FAIL {2}bridge port .*whether it runs/)
  assert.doesNotMatch(platform.output(), /a secret/)
})
