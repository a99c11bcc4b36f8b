import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import { buildTopic, type GeofenceEvent, type LocationUpdate } from '../../contract/index.ts'
import { withPostgresUrl } from '../support/databases.ts'
import { eventually } from '../support/eventually.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { type TestScope, temporaryFolder } from '../support/scope.ts'
import { SQUARE, walkCrossings, walkFix } from '../support/square-walk.ts'
import { Ear } from '../support/wire.ts'

const DEVICES = 50
const FIXES_PER_SECOND = 20
const KILL_AFTER_MS = 3_000
/** On a busy machine it is killed later: when so many fixes are acknowledged. */
const ACKNOWLEDGED_AT_KILL = 500
const FIXES_AFTER_RESTART = 30
/** Fixes of one device that can be under way at once: one and a half seconds of them. */
const IN_FLIGHT_FIXES = 30

/** A tracker that keeps what was not acknowledged and sends it again, as firmware does. */
interface Walker {
  readonly deviceId: string
  readonly unacknowledged: LocationUpdate[]
  readonly acknowledged: Set<number>
  sent: number
  client: MqttClient
}

test('kill -9 at 1,000 fixes/s loses nothing acknowledged and announces nothing twice (embedded database)', async t => {
  await killAndResume(t, {})
})

test('kill -9 at 1,000 fixes/s loses nothing acknowledged and announces nothing twice (PostgreSQL)', async t => {
  const url = await withPostgresUrl(t)
  if (url !== undefined) await killAndResume(t, { DATABASE_URL: url })
})

async function killAndResume(t: TestScope, environment: Record<string, string>): Promise<void> {
  const dataDirectory = await temporaryFolder(t)
  const startMs = Date.now() - 3_600_000
  const first = await startTestPlatform(t, { dataDirectory, environment })
  const imported = await first.request('/api/v1/fences', { role: 'admin', sub: 'boss', body: SQUARE })
  assert.equal(imported.status, 201)

  const heardBefore = await listen(first)
  const walkers = await Promise.all(Array.from({ length: DEVICES }, (_, i) => startWalker(first, `walker-${i}`)))
  const timer = setInterval(() => {
    for (const walker of walkers) send(walker, walkFix(walker.sent, startMs))
  }, 1_000 / FIXES_PER_SECOND)
  const acknowledged = () => walkers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)
  await delay(KILL_AFTER_MS)
  await eventually('enough to be acknowledged', () => acknowledged() >= ACKNOWLEDGED_AT_KILL)
  clearInterval(timer)
  await first.stop('SIGKILL')
  const acknowledgedAtKill = new Map(walkers.map(({ deviceId, acknowledged }) => [deviceId, acknowledged.size]))

  const second = await startTestPlatform(t, { dataDirectory, environment })
  const heardAfter = await listen(second)
  for (const walker of walkers) {
    walker.client.end(true)
    walker.client = await second.connect({ role: 'device', sub: walker.deviceId })
    for (const fix of walker.unacknowledged.splice(0)) send(walker, fix, false)
    for (let i = 0; i < FIXES_AFTER_RESTART; i++) send(walker, walkFix(walker.sent, startMs))
  }
  await Promise.all(walkers.map(walker => allAcknowledged(walker)))

  for (const { deviceId, sent, acknowledged } of walkers) {
    assert.equal(acknowledged.size, sent, `${deviceId}: every fix was acknowledged in the end`)
    const stored = await storedTimestamps(second, deviceId)
    const lost = [...acknowledged].filter(timestamp => !stored.has(timestamp))
    assert.deepEqual(lost, [], `${deviceId}: acknowledged but not in the history`)
  }
  const expected = walkers
    .flatMap(({ deviceId, sent }) => walkCrossings(sent, startMs).map(crossing => `${deviceId} ${crossing}`))
    .sort()
  const alerts = (await storedAlerts(second)).map(describe).sort()
  assert.deepEqual(alerts, expected, 'the stored events are exactly the crossings')

  const announced = () =>
    new Map(
      [...heardBefore.heard, ...heardAfter.heard].map(({ payload }) => [
        (payload as GeofenceEvent).id,
        payload as GeofenceEvent,
      ]),
    )
  await heardAfter.until('every crossing', () => announced().size >= expected.length)
  assert.deepEqual(
    [...announced().values()].map(describe).sort(),
    expected,
    'what was announced is exactly the crossings',
  )

  const count = new Map<string, number>()
  for (const { payload } of [...heardBefore.heard, ...heardAfter.heard]) {
    const { id } = payload as GeofenceEvent
    count.set(id, (count.get(id) ?? 0) + 1)
  }
  // What was in flight at the kill may come again, with the same id; nothing else may.
  const twice = [...announced().values()].filter(({ id }) => count.get(id)! > 1)
  const tooOld = twice.filter(
    ({ deviceId, timestamp }) => timestamp < startMs + (acknowledgedAtKill.get(deviceId)! - IN_FLIGHT_FIXES) * 100,
  )
  assert.deepEqual(tooOld.map(describe), [], 'announced twice although it was not in flight at the kill')
}

/** A subscriber with a session that survives the kill. */
async function listen(platform: RunningPlatform): Promise<Ear> {
  const password = await platform.token({ role: 'dispatcher', sub: 'desk' })
  const client = mqtt.connect(platform.mqttUrl, {
    username: 'any',
    password,
    clientId: 'desk',
    clean: false,
    reconnectPeriod: 0,
  })
  const ear = new Ear(client)
  await new Promise<void>((resolve, reject) => client.once('connect', () => resolve()).once('error', reject))
  await client.subscribeAsync('demo/notifications/geofence/#', { qos: 1 })
  return ear
}

async function startWalker(platform: RunningPlatform, deviceId: string): Promise<Walker> {
  const client = await platform.connect({ role: 'device', sub: deviceId })
  return { deviceId, client, unacknowledged: [], acknowledged: new Set(), sent: 0 }
}

function send(walker: Walker, fix: LocationUpdate, isNew = true): void {
  if (isNew) walker.sent += 1
  walker.unacknowledged.push(fix)
  walker.client.publish(
    buildTopic('location', { org: 'demo', deviceId: walker.deviceId }),
    JSON.stringify(fix),
    { qos: 1 },
    error => {
      if (error) return
      walker.acknowledged.add(fix.timestamp)
      walker.unacknowledged.splice(walker.unacknowledged.indexOf(fix), 1)
    },
  )
}

async function allAcknowledged(walker: Walker): Promise<void> {
  for (let waited = 0; walker.unacknowledged.length > 0; waited += 20) {
    assert.ok(waited < 30_000, `${walker.deviceId}: ${walker.unacknowledged.length} fixes are still not acknowledged`)
    await delay(20)
  }
}

async function storedTimestamps(platform: RunningPlatform, deviceId: string): Promise<Set<number>> {
  const items = await allPages<LocationUpdate>(platform, `/api/v1/devices/${deviceId}/history?limit=1000`)
  return new Set(items.map(({ timestamp }) => timestamp))
}

async function storedAlerts(platform: RunningPlatform): Promise<GeofenceEvent[]> {
  return allPages<GeofenceEvent>(platform, '/api/v1/alerts?limit=1000')
}

async function allPages<Item>(platform: RunningPlatform, path: string): Promise<Item[]> {
  const items: Item[] = []
  for (let cursor = ''; ; ) {
    const response = await platform.request(`${path}${cursor}`, { role: 'admin', sub: 'boss' })
    assert.equal(response.status, 200, await response.clone().text())
    const page = (await response.json()) as { items: Item[]; next: string | null }
    items.push(...page.items)
    if (page.next === null) return items
    cursor = `&cursor=${encodeURIComponent(page.next)}`
  }
}

function describe({ deviceId, event, timestamp }: GeofenceEvent): string {
  return `${deviceId} ${event}@${timestamp}`
}
