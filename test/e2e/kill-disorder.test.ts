import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import { buildTopic, type GeofenceEvent, type LocationUpdate } from '../../contract/index.ts'
import { withPostgresUrl } from '../support/databases.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { type TestScope, temporaryFolder } from '../support/scope.ts'
import { SQUARE, walkCrossings, walkFix } from '../support/square-walk.ts'
import { Ear } from '../support/wire.ts'

const DEVICES = 20
const FIXES = 140
const KILL_AFTER_MS = 1_500
const SEND_EVERY_MS = 25

/** A tracker that sends its fixes in random order and again what was not acknowledged. */
interface Tracker {
  readonly deviceId: string
  readonly toSend: LocationUpdate[]
  readonly unacknowledged: Set<LocationUpdate>
  client: MqttClient
}

test('kill -9 amid fixes in random order: in the end the crossings of the track in order stand (embedded database)', async t => {
  await killAndResume(t, {})
})

test('kill -9 amid fixes in random order: in the end the crossings of the track in order stand (PostgreSQL)', async t => {
  const url = await withPostgresUrl(t)
  if (url !== undefined) await killAndResume(t, { DATABASE_URL: url })
})

async function killAndResume(t: TestScope, environment: Record<string, string>): Promise<void> {
  const dataDirectory = await temporaryFolder(t)
  const startMs = Date.now() - 3_600_000
  const first = await startTestPlatform(t, { dataDirectory, environment })
  assert.equal((await first.request('/api/v1/fences', { role: 'admin', sub: 'boss', body: SQUARE })).status, 201)
  const before = await listen(first)
  const trackers = await Promise.all(
    Array.from({ length: DEVICES }, async (_, i): Promise<Tracker> => {
      const deviceId = `tracker-${i}`
      const toSend = Array.from({ length: FIXES }, (_, n) => walkFix(n, startMs)).sort(() => Math.random() - 0.5)
      const client = await first.connect({ role: 'device', sub: deviceId })
      return { deviceId, toSend, unacknowledged: new Set(), client }
    }),
  )
  const timer = setInterval(() => {
    for (const tracker of trackers) send(tracker, tracker.toSend.pop())
  }, SEND_EVERY_MS)
  await delay(KILL_AFTER_MS)
  clearInterval(timer)
  await first.stop('SIGKILL')
  assert.ok(
    trackers.every(({ toSend }) => toSend.length > 0),
    'it was killed amid the fixes',
  )

  const second = await startTestPlatform(t, { dataDirectory, environment })
  const after = await listen(second)
  for (const tracker of trackers) {
    tracker.client.end(true)
    tracker.client = await second.connect({ role: 'device', sub: tracker.deviceId })
    for (const fix of [...tracker.unacknowledged, ...tracker.toSend.splice(0)]) send(tracker, fix)
  }
  for (let waited = 0; trackers.some(({ unacknowledged }) => unacknowledged.size > 0); waited += 20) {
    assert.ok(waited < 60_000, 'not everything was acknowledged')
    await delay(20)
  }

  const stands = await standingAlerts(second)
  const expected = trackers
    .flatMap(({ deviceId }) => walkCrossings(FIXES, startMs).map(at => `${deviceId} ${at}`))
    .sort()
  assert.deepEqual(
    stands.map(({ deviceId, event, timestamp }) => `${deviceId} ${event}@${timestamp}`).sort(),
    expected,
    'what stands are exactly the crossings of the track in order',
  )
  const ids = stands.map(({ id }) => id).sort()
  const heard = (): string[] => [...consumed([...before.heard, ...after.heard])].sort()
  await after.until('everything that stands', () => heard().join() === ids.join())
  const announced = new Set<string>()
  for (const { payload } of [...before.heard, ...after.heard]) {
    const { id, retracts } = payload as GeofenceEvent
    announced.add(id)
    assert.ok(retracts === undefined || announced.has(retracts), `${id} came before the event that it takes back`)
  }
}

/** What a consumer holds. A message in flight at the kill may come again: what is taken back stays so. */
function consumed(heard: readonly { readonly payload: unknown }[]): Set<string> {
  const stands = new Set<string>()
  const retracted = new Set<string>()
  for (const { payload } of heard) {
    const { id, retracts } = payload as GeofenceEvent
    if (retracts === undefined) stands.add(id)
    else retracted.add(retracts)
  }
  for (const id of retracted) stands.delete(id)
  return stands
}

/** A subscriber with a session that survives the kill. */
async function listen(platform: RunningPlatform): Promise<Ear> {
  const password = await platform.token({ role: 'dispatcher', sub: 'desk' })
  const options = { username: 'any', password, clientId: 'desk', clean: false, reconnectPeriod: 0 }
  const client = mqtt.connect(platform.mqttUrl, options)
  const ear = new Ear(client)
  await new Promise<void>((resolve, reject) => client.once('connect', () => resolve()).once('error', reject))
  await client.subscribeAsync('demo/notifications/geofence/#', { qos: 1 })
  return ear
}

function send({ deviceId, client, unacknowledged }: Tracker, fix: LocationUpdate | undefined): void {
  if (fix === undefined) return
  unacknowledged.add(fix)
  const topic = buildTopic('location', { org: 'demo', deviceId })
  client.publish(topic, JSON.stringify(fix), { qos: 1 }, error => {
    if (!error) unacknowledged.delete(fix)
  })
}

async function standingAlerts(platform: RunningPlatform): Promise<GeofenceEvent[]> {
  const items: GeofenceEvent[] = []
  for (let cursor = ''; ; ) {
    const path = `/api/v1/alerts?standing=true&limit=1000${cursor}`
    const response = await platform.request(path, { role: 'admin', sub: 'boss' })
    assert.equal(response.status, 200, await response.clone().text())
    const page = (await response.json()) as { items: GeofenceEvent[]; next: string | null }
    items.push(...page.items)
    if (page.next === null) return items
    cursor = `&cursor=${encodeURIComponent(page.next)}`
  }
}
