import type { SosAlert } from '../../geofence-engine/index.ts'
import type { Database } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { loadOpenAlerts } from '../store/sos-alerts.ts'
import { keyOf } from './state-cache.ts'

/** The SOS alerts that are not closed, by device, as committed. */
export class OpenAlerts {
  readonly #alerts = new Map<string, SosAlert>()

  static async load(db: Database): Promise<OpenAlerts> {
    const alerts = new OpenAlerts()
    for (const row of await loadOpenAlerts(db)) alerts.#alerts.set(keyOf(row), row.body as SosAlert)
    return alerts
  }

  get size(): number {
    return this.#alerts.size
  }

  get(device: DeviceKey): SosAlert | undefined {
    return this.#alerts.get(keyOf(device))
  }

  set(device: DeviceKey, alert: SosAlert): void {
    this.#alerts.set(keyOf(device), alert)
  }

  delete(device: DeviceKey): void {
    this.#alerts.delete(keyOf(device))
  }

  *[Symbol.iterator](): IterableIterator<DeviceKey & { alert: SosAlert }> {
    for (const [key, alert] of this.#alerts) {
      const [org, deviceId] = key.split('/') as [string, string]
      yield { org, deviceId, alert }
    }
  }
}
