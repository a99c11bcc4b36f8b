import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { buildFilter, buildTopic, type GeofenceEvent } from '../../contract/index.ts'
import type { Fix } from '../../geofence-engine/index.ts'
import type { CityTruth } from '../support/geofence-truth.ts'
import type { RunningPlatform } from '../support/platform.ts'

export interface CityRun {
  /** As announced on the notification topics. */
  readonly announced: readonly GeofenceEvent[]
  /** As `GET /api/v1/alerts` lists them. */
  readonly stored: readonly GeofenceEvent[]
  readonly fixes: number
  readonly seconds: number
}

/** Fixes of one device under way at once, and devices that send at once. */
const IN_FLIGHT = 64
const DEVICES_AT_ONCE = 24
/** Announcements trail the last PUBACK; this long without a new one means there are no more. */
const SETTLE_MS = 500
const SETTLE_WITHIN_MS = 60_000

/**
 * Puts a city's traces through the running platform as its devices would: fences over HTTP, every device a connection of
 * its own, every fix published with QoS 1, a dispatcher listening. The city's name is the organisation.
 */
export async function sendCity(
  platform: RunningPlatform,
  truth: CityTruth,
  onProgress: (fixes: number) => void = () => {},
): Promise<CityRun> {
  const org = truth.city
  const imported = await platform.request('/api/v1/fences/import', {
    org,
    role: 'admin',
    sub: 'truth',
    body: { type: 'FeatureCollection', features: truth.fences },
  })
  assert.equal(imported.status, 200, `import of the fences of ${org}: ${await imported.clone().text()}`)

  const announced: GeofenceEvent[] = []
  let heardAt = Date.now()
  const desk = await platform.connect({ org, role: 'dispatcher', sub: 'truth' })
  desk.on('message', (_topic, payload) => {
    announced.push(JSON.parse(payload.toString()))
    heardAt = Date.now()
  })
  await desk.subscribeAsync(buildFilter('geofenceNotification', { org }), { qos: 1 })

  const startedAt = Date.now()
  let fixes = 0
  const waiting = [...truth.tracks]
  const sendNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [deviceId, track] = next
      const client = await platform.connect({ org, role: 'device', sub: deviceId })
      await sendTrack(client, buildTopic('location', { org, deviceId }), track)
      await client.endAsync()
      fixes += track.length
      onProgress(fixes)
    }
  }
  await Promise.all(Array.from({ length: DEVICES_AT_ONCE }, sendNext))
  const seconds = (Date.now() - startedAt) / 1_000

  const stored = await storedEvents(platform, org)
  heardAt = Date.now()
  const giveUpAt = Date.now() + SETTLE_WITHIN_MS
  while ((announced.length < stored.length || Date.now() - heardAt < SETTLE_MS) && Date.now() < giveUpAt)
    await delay(20)
  await desk.endAsync()
  return { announced, stored, fixes, seconds }
}

/** Publishes in order with QoS 1, at most {@link IN_FLIGHT} unacknowledged. */
async function sendTrack(client: MqttClient, topic: string, track: readonly Fix[]): Promise<void> {
  let next = 0
  const sendInTurn = async (): Promise<void> => {
    while (next < track.length) {
      const fix = track[next++]!
      await client.publishAsync(topic, JSON.stringify(fix), { qos: 1 })
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, sendInTurn))
}

async function storedEvents(platform: RunningPlatform, org: string): Promise<GeofenceEvent[]> {
  const events: GeofenceEvent[] = []
  for (let cursor = ''; ; ) {
    const response = await platform.request(`/api/v1/alerts?limit=1000${cursor}`, { org, role: 'admin', sub: 'truth' })
    const page = (await response.json()) as { items: GeofenceEvent[]; next: string | null }
    events.push(...page.items)
    if (page.next === null) return events
    cursor = `&cursor=${encodeURIComponent(page.next)}`
  }
}
