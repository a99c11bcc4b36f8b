import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { startHomeAssistant } from '../../../bridge/home-assistant/start-home-assistant.ts'
import { registerDevice } from '../../../bridge/index.ts'
import { buildTopic } from '../../../contract/index.ts'
import { silent, startTestBroker } from '../../support/broker.ts'
import { withPglite } from '../../support/databases.ts'

/* The real broker and the real database; Home Assistant is a client with a gateway's token. */

const TRUCK = { org: 'demo', deviceId: 'truck' }
const TRACKER = 'demo/homeassistant/device_tracker/truck/config'
const BATTERY = 'demo/homeassistant/sensor/truck/battery/config'
const ATTRIBUTES = 'demo/homeassistant/truck/attributes'
const AVAILABILITY = 'demo/homeassistant/truck/availability'

/** What a client was sent, and a way to wait for more of it. */
function listen(client: MqttClient) {
  const messages: [topic: string, payload: string][] = []
  client.on('message', (topic, payload) => messages.push([topic, payload.toString()]))
  return {
    messages,
    async until(what: string, fits: (topic: string, payload: string) => boolean): Promise<string> {
      for (const deadline = Date.now() + 30_000; Date.now() < deadline; await delay(10)) {
        const found = messages.find(([topic, payload]) => fits(topic, payload))
        if (found !== undefined) return found[1]
      }
      throw new Error(`Home Assistant did not hear ${what}, but ${JSON.stringify(messages)}`)
    },
  }
}

test('Home Assistant discovers the devices of its organisation, follows them, and forgets them', async t => {
  const db = await withPglite(t)
  await registerDevice(db, { ...TRUCK, name: 'Blue truck' }, 0)
  await registerDevice(db, { org: 'acme', deviceId: 'secret' }, 0)
  const { broker, connect } = await startTestBroker(t)
  const say = (channel: 'last' | 'status', of: { org: string; deviceId: string }, value: object) =>
    broker.publish({ topic: buildTopic(channel, of), payload: JSON.stringify(value), qos: 1, retain: true })
  const fix = { timestamp: Date.now(), location: { lat: 41.15, lng: -8.61, accuracy: 6 }, metadata: { battery: 80 } }
  await say('last', TRUCK, fix)
  await say('last', { org: 'acme', deviceId: 'secret' }, fix)
  const { publish } = broker
  const options = { db, live: broker, publish, logger: silent, org: 'demo', version: '1.2.3', lookEveryMs: 50 }
  const homeAssistant = startHomeAssistant(options)
  t.after(() => homeAssistant.close())

  const client = await connect({ sub: 'home-assistant', role: 'service' })
  const heard = listen(client)
  const granted = await client.subscribeAsync(
    ['device_tracker/+/config', 'sensor/+/config', 'sensor/+/+/config', 'light/+/config', '+/+/config', 'status']
      .map(filter => `demo/homeassistant/${filter}`)
      .concat(ATTRIBUTES, AVAILABILITY),
    { qos: 1 },
  )
  assert.ok(
    granted.every(({ qos }) => qos < 128),
    'all that Home Assistant subscribes is granted',
  )
  assert.equal(JSON.parse(await heard.until('the tracker', topic => topic === TRACKER)).device.name, 'Blue truck')
  await heard.until('the battery', topic => topic === BATTERY)
  const attributes = JSON.parse(await heard.until('where it is', topic => topic === ATTRIBUTES))
  assert.deepEqual([attributes.latitude, attributes.longitude, attributes.gps_accuracy], [41.15, -8.61, 6])
  await heard.until('that it is there', (topic, payload) => topic === AVAILABILITY && payload === 'online')

  for (const who of [
    { sub: 'eve', role: 'service', org: 'acme' },
    { sub: 'bob', role: 'user' },
    { sub: 'truck', role: 'device' },
  ] as const) {
    const stranger = await connect(who)
    const [refused] = await stranger
      .subscribeAsync('demo/homeassistant/#')
      .catch(error => error.packet.granted.map((qos: number) => ({ qos })))
    assert.equal(refused.qos, 128, who.sub)
  }

  await say('status', TRUCK, { state: 'offline' })
  await heard.until('that it is gone', (topic, payload) => topic === AVAILABILITY && payload === 'offline')
  await say('last', TRUCK, { ...fix, timestamp: fix.timestamp + 1, location: { lat: 42, lng: -8, speed: 3 } })
  await heard.until('where it went', (topic, payload) => topic === ATTRIBUTES && payload.includes('"latitude":42'))
  await heard.until('its speed', topic => topic === 'demo/homeassistant/sensor/truck/speed/config')
  await registerDevice(db, { ...TRUCK, name: 'Red truck' }, 0)
  await heard.until('its new name', (topic, payload) => topic === TRACKER && payload.includes('Red truck'))

  heard.messages.length = 0
  await client.publishAsync('demo/homeassistant/status', 'online', { qos: 1 })
  await heard.until('everything again, when it is born', topic => topic === TRACKER)
  await heard.until('everything again, when it is born', topic => topic === AVAILABILITY)

  await db.query("delete from devices where device_id = 'truck'")
  for (const gone of [TRACKER, BATTERY, ATTRIBUTES, AVAILABILITY])
    await heard.until(`that ${gone} is no more`, (topic, payload) => topic === gone && payload === '')
  assert.deepEqual(broker.retained('demo/homeassistant/#'), [])
  assert.deepEqual(broker.retained('acme/homeassistant/#'), [])
})
