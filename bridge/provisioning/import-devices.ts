import type { Database } from '../store/database.ts'
import { planDevices } from '../store/devices.ts'
import { type DeviceList, type LineFault, type ListedDevice, refusedImport } from './read-device-list.ts'

/** What an import did, or would do. */
export interface ImportOutcome {
  readonly created: readonly string[]
  readonly updated: readonly string[]
  readonly unchanged: readonly string[]
  /** Lines that were left out, of an import that takes what it can. */
  readonly errors: readonly LineFault[]
}

interface Registration {
  readonly org: string
  readonly deviceId: string
  readonly name?: string | undefined
  readonly groups?: readonly string[] | undefined
}

interface Plan {
  readonly created: readonly { readonly deviceId: string }[]
  readonly updated: readonly { readonly deviceId: string }[]
  readonly unchanged: readonly { readonly deviceId: string }[]
}

/**
 * Imports a list of devices: all of it, or, when one line is wrong, nothing; unless `partial` asks for what is right.
 * @param register registers all in one transaction; left out, it is only said what it would do
 * @throws TrackwireError import_invalid
 */
export async function importDevices(
  db: Database,
  org: string,
  { devices, faults }: DeviceList,
  {
    partial,
    register,
  }: { partial: boolean; register?: ((devices: readonly Registration[]) => Promise<Plan>) | undefined },
): Promise<ImportOutcome> {
  if (faults.length > 0 && (!partial || devices.length === 0)) throw refusedImport(faults)
  const registrations = devices.map(device => registrationOf(org, device))
  const plan = await (register ? register(registrations) : planDevices(db, registrations))
  const idsOf = (list: Plan['created']) => list.map(({ deviceId }) => deviceId)
  return {
    created: idsOf(plan.created),
    updated: idsOf(plan.updated),
    unchanged: idsOf(plan.unchanged),
    errors: faults,
  }
}

function registrationOf(org: string, { id, name, groups }: ListedDevice): Registration {
  return { org, deviceId: id, ...(name !== undefined && { name }), ...(groups !== undefined && { groups }) }
}
