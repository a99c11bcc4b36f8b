import { type DeviceState, emptyState } from '../../geofence-engine/index.ts'
import type { Queryable } from '../store/database.ts'
import { type DeviceKey, type DeviceStateRow, loadDeviceStates } from '../store/device-states.ts'

/** A device's state as it is committed, and the version of its row (0 = no row yet). */
export interface CommittedState extends DeviceStateRow {
  readonly engine: DeviceState
}

function unknownDevice({ org, deviceId }: DeviceKey): CommittedState {
  return {
    org,
    deviceId,
    version: 0,
    newest: null,
    engine: emptyState(),
    heardAt: null,
    dueAt: null,
    sinceCheckpoint: 0,
    provisional: null,
    changes: null,
  }
}

/** About 1 kB each: 100 MB when full. */
const CAPACITY = 100_000

export function keyOf({ org, deviceId }: DeviceKey): string {
  return `${org}/${deviceId}`
}

/** The states of the devices met last, as committed; the least recently used one makes room. Only the committer writes it. */
export class StateCache {
  readonly #states = new Map<string, CommittedState>()

  /** Only what is in memory. */
  peek(key: string): CommittedState | undefined {
    return this.#states.get(key)
  }

  /** The states of these devices; what is not in memory is read with one query. */
  async load(db: Queryable, devices: ReadonlyMap<string, DeviceKey>): Promise<Map<string, CommittedState>> {
    const found = new Map<string, CommittedState>()
    const missing: DeviceKey[] = []
    for (const [key, device] of devices) {
      const state = this.#states.get(key)
      if (state === undefined) missing.push({ org: device.org, deviceId: device.deviceId })
      else found.set(key, state)
    }
    if (missing.length > 0) {
      for (const device of missing) {
        found.set(keyOf(device), unknownDevice(device))
      }
      for (const row of await loadDeviceStates(db, missing)) {
        found.set(keyOf(row), { ...row, engine: row.engine as DeviceState })
      }
      for (const device of missing) this.put(found.get(keyOf(device))!)
    }
    return found
  }

  put(state: CommittedState): void {
    const key = keyOf(state)
    // Whose turn it is to make room matters only once room runs short: an entry that is taken out and put in costs memory each time.
    if (this.#states.size > CAPACITY / 2) this.#states.delete(key)
    this.#states.set(key, state)
    if (this.#states.size > CAPACITY) this.#states.delete(this.#states.keys().next().value!)
  }

  /** Another writer was here, or may have been: read again. */
  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#states.delete(key)
  }
}
