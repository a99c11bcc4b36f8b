import type { Database, Queryable } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { type DeviceRow, ensureOrganisations, findDevices, insertDevices, loadDevices } from '../store/devices.ts'
import { keyOf } from './state-cache.ts'

interface KnownDevice {
  readonly key: string
  readonly groups: readonly string[]
}

/** The registered devices with their groups, in memory: about 200 bytes each. */
export class DeviceRegistry {
  readonly #orgs = new Map<string, Map<string, KnownDevice>>()

  static async load(db: Database): Promise<DeviceRegistry> {
    const registry = new DeviceRegistry()
    for (const device of await loadDevices(db)) registry.put(device)
    return registry
  }

  put({ org, deviceId, groups }: Pick<DeviceRow, 'org' | 'deviceId' | 'groups'>): void {
    let devices = this.#orgs.get(org)
    if (devices === undefined) {
      devices = new Map()
      this.#orgs.set(org, devices)
    }
    devices.set(deviceId, { key: keyOf({ org, deviceId }), groups })
  }

  has(org: string, deviceId: string): boolean {
    return this.#orgs.get(org)?.has(deviceId) ?? false
  }

  /** What {@link keyOf} makes of it, but always the same string, which tables find at once; undefined for one that is not known. */
  keyOf(org: string, deviceId: string): string | undefined {
    return this.#orgs.get(org)?.get(deviceId)?.key
  }

  /** The devices of a group; looks at all of the organisation. */
  inGroup(org: string, group: string): string[] {
    return [...(this.#orgs.get(org) ?? [])].flatMap(([deviceId, { groups }]) =>
      groups.includes(group) ? [deviceId] : [],
    )
  }

  groups(org: string, deviceId: string): readonly string[] {
    return this.#orgs.get(org)?.get(deviceId)?.groups ?? []
  }

  /** Looks up those that are not in memory: another node or process may have registered them. */
  async refresh(db: Queryable, devices: Iterable<DeviceKey>): Promise<void> {
    const unknown = this.#unknown(devices)
    if (unknown.length > 0) for (const device of await findDevices(db, unknown)) this.put(device)
  }

  /** Registers those that are not in memory, within the transaction; `put` them after its commit. */
  async insertUnknown(tx: Queryable, devices: Iterable<DeviceKey>, nowMs: number): Promise<DeviceKey[]> {
    const unknown = this.#unknown(devices)
    if (unknown.length === 0) return []
    const orgs = unknown.map(({ org }) => org)
    await ensureOrganisations(tx, orgs, nowMs)
    await insertDevices(tx, unknown, nowMs)
    return unknown
  }

  #unknown(devices: Iterable<DeviceKey>): DeviceKey[] {
    return [...devices].filter(({ org, deviceId }) => !this.has(org, deviceId))
  }
}
