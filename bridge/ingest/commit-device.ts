import { type Act, recordAudit } from '../store/audit.ts'
import type { Queryable } from '../store/database.ts'
import { registerDeviceIn } from '../store/devices.ts'
import type { OutboxRow } from '../store/outbox.ts'
import { closeCauseless } from './close-causeless.ts'
import { forgetNear } from './commit-proximity.ts'
import type { DeviceRegistration } from './ingest.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'

/**
 * Registers a device, or changes its name and groups. What its new groups mean counts from its next fix; what watched it for its
 * old ones alone leaves no incident open. @returns whether it is new
 */
export async function commitDevice(pipeline: Pipeline, device: DeviceRegistration, act?: Act): Promise<boolean> {
  const { db, devices, fences, rules, announcer, connectivity, now } = pipeline
  const { row, outbox } = await persist(
    () =>
      db.transaction(async tx => {
        const row = await registerDeviceIn(tx, device, now())
        if (act !== undefined) await recordAudit(tx, act, now())
        return { row, outbox: row.regrouped === null ? [] : await closeWatched(pipeline, tx, row) }
      }),
    pipeline,
  )
  devices.put(row)
  if (row.regrouped !== null) {
    rules.regrouped(row.org, row.deviceId, row.regrouped)
    fences.reached(row.org, row.regrouped)
    connectivity().rulesChanged(row.org)
  }
  announcer.enqueue(outbox)
  return row.created
}

/** Closes what watched a device for its old groups alone. */
export async function closeWatched(
  pipeline: Pipeline,
  tx: Queryable,
  { org, deviceId, groups }: { org: string; deviceId: string; groups: readonly string[] },
): Promise<OutboxRow[]> {
  const closed = await closeCauseless(pipeline, tx, { org, deviceId, groups: () => groups })
  const ruleIds = pipeline
    .proximity()
    .rulesOf(org)
    .filter(({ rule: { group } }) => group !== undefined && !groups.includes(group))
    .map(({ id }) => id)
  const reason = 'rule-off' as const
  return [...closed, ...(await forgetNear(pipeline, tx, { org, ruleIds, otherDeviceId: deviceId, reason }))]
}
