import { type Act, recordAudit } from '../store/audit.ts'
import { type DevicePlan, type NewDevice, registerDevicesIn } from '../store/devices.ts'
import type { OutboxRow } from '../store/outbox.ts'
import { closeWatched } from './commit-device.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'

/** Registers many devices of one organisation in one transaction: all of them, or none. */
export async function commitDevices(
  pipeline: Pipeline,
  org: string,
  registrations: readonly Omit<NewDevice, 'org'>[],
  act?: Act,
): Promise<DevicePlan> {
  const { db, devices, fences, rules, announcer, connectivity, now } = pipeline
  const { created, updated, unchanged, rows, regrouped, outbox } = await persist(
    () =>
      db.transaction(async tx => {
        const registered = await registerDevicesIn(
          tx,
          org,
          registrations.map(device => ({ ...device, org })),
          now(),
        )
        if (act !== undefined) await recordAudit(tx, act, now())
        const outbox: OutboxRow[] = []
        for (const row of registered.regrouped?.rows ?? []) outbox.push(...(await closeWatched(pipeline, tx, row)))
        return { ...registered, outbox }
      }),
    pipeline,
  )
  for (const row of rows) devices.put(row)
  if (regrouped !== null) {
    for (const { deviceId } of regrouped.rows) rules.regrouped(org, deviceId, regrouped.epoch)
    fences.reached(org, regrouped.epoch)
    connectivity().rulesChanged(org)
  }
  announcer.enqueue(outbox)
  return { created, updated, unchanged }
}
