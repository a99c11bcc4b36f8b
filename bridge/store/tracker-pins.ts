import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

export interface TrackerPin {
  readonly protocol: string
  readonly pinnedAt: number
}

/** The device came with this protocol: from the first time on it is its own. @returns the one that is */
export async function pinTracker(
  db: Queryable,
  { org, deviceId }: DeviceKey,
  protocol: string,
  nowMs: number,
): Promise<string> {
  const known = await findTrackerPin(db, org, deviceId)
  if (known !== undefined) return known.protocol
  await db.query(
    'insert into tracker_pins (org, device_id, protocol, pinned_at) values ($1, $2, $3, $4) on conflict do nothing',
    [org, deviceId, protocol, nowMs],
  )
  return (await findTrackerPin(db, org, deviceId))?.protocol ?? protocol
}

export async function findTrackerPin(db: Queryable, org: string, deviceId: string): Promise<TrackerPin | undefined> {
  const [pin] = await db.query<TrackerPin>(
    'select protocol, pinned_at as "pinnedAt" from tracker_pins where org = $1 and device_id = $2',
    [org, deviceId],
  )
  return pin
}

/** The next protocol that it comes with is its own. @returns whether it had one */
export async function unpinTracker(db: Queryable, org: string, deviceId: string): Promise<boolean> {
  const rows = await db.query('delete from tracker_pins where org = $1 and device_id = $2 returning 1', [org, deviceId])
  return rows.length > 0
}
