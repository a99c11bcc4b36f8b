import assert from 'node:assert/strict'
import type { Database, OutgoingMessage } from '../../bridge/index.ts'
import type { DeviceEvent, GeofenceEvent } from '../../contract/index.ts'

type Announced = GeofenceEvent | DeviceEvent

/** The events of an organisation that stand, in the database, as one line each: everything but their ids and `late`. */
export async function standingEvents(db: Database, org: string): Promise<string[]> {
  return (await standing(db, org, '')).map(describeEvent).sort()
}

/** Those of them that fixes gave: what the clock alone has announced so far is not among them. */
export async function confirmedEvents(db: Database, org: string): Promise<string[]> {
  const confirmed = `and not exists (
    select 1 from device_state s cross join lateral json_array_elements(s.provisional) p
    where s.org = e.org and s.device_id = e.device_id and p->>'baseId' = e.base_id)`
  return (await standing(db, org, confirmed)).map(describeEvent).sort()
}

async function standing(db: Database, org: string, and: string): Promise<Announced[]> {
  const rows = await db.query<{ body: Announced }>(
    `select body from events e where org = $1 and retracted_at is null and retracts is null ${and}`,
    [org],
  )
  return rows.map(({ body }) => body)
}

/** An event without what depends on how it arrived. */
export function describeEvent({ id: _, late: __, ...body }: Announced): string {
  const sorted = Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${body.deviceId} ${body.timestamp} ${body.event} ${JSON.stringify(Object.fromEntries(sorted))}`
}

/**
 * What a consumer makes of the messages it is given, as the guides tell it: it adds what is announced and takes out what a correction
 * names. Fails when anything is announced twice, or a correction names what was never announced.
 * @returns ids of what stands, sorted
 */
export function consume(messages: Iterable<OutgoingMessage>, org?: string): string[] {
  const seen = new Set<string>()
  const standing = new Set<string>()
  for (const { topic, payload } of messages) {
    if (!topic.includes('/notifications/')) continue
    // A node announces for every organisation whose devices are due.
    if (org !== undefined && !topic.startsWith(`${org}/`)) continue
    const event = JSON.parse(payload) as Announced
    assert.ok(!seen.has(event.id), `${event.id} is announced twice`)
    seen.add(event.id)
    if (event.retracts === undefined) standing.add(event.id)
    else assert.ok(standing.delete(event.retracts), `${event.id} takes back ${event.retracts}, which does not stand`)
  }
  return [...standing].sort()
}

export async function standingIds(db: Database, org: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    'select id from events where org = $1 and retracted_at is null and retracts is null',
    [org],
  )
  return rows.map(({ id }) => id).sort()
}
