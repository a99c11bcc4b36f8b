import { type AlarmEventKind, isAlarmEventKind } from '../../contract/index.ts'
import { disproves } from '../../geofence-engine/index.ts'
import type { Database } from '../store/database.ts'
import { type DeviceAlarmKey, loadOpenAlarms } from '../store/device-alarms.ts'
import type { DeviceKey } from '../store/device-states.ts'
import type { QueuedFix } from './fix-queue.ts'
import type { AlarmReport, FixResult } from './ingest.ts'
import { keyOf } from './state-cache.ts'

const NONE: ReadonlySet<AlarmEventKind> = new Set()

/** Which alarms of which devices are open, as committed: what does not concern one costs nothing. */
export class DeviceAlarms {
  readonly #open = new Map<string, Set<AlarmEventKind>>()

  static async load(db: Database): Promise<DeviceAlarms> {
    const alarms = new DeviceAlarms()
    for (const key of await loadOpenAlarms(db)) alarms.put(key, true)
    return alarms
  }

  /** Devices with an open one. */
  get size(): number {
    return this.#open.size
  }

  openKinds(device: DeviceKey): ReadonlySet<AlarmEventKind> {
    return this.#open.get(keyOf(device)) ?? NONE
  }

  put({ kind, ...device }: DeviceAlarmKey, open: boolean): void {
    const key = keyOf(device)
    const kinds = new Set(this.#open.get(key))
    if (open) kinds.add(kind)
    else kinds.delete(kind)
    if (kinds.size === 0) this.#open.delete(key)
    else this.#open.set(key, kinds)
  }
}

/** The kinds of alarm that reports raise, and the open ones of which they say that they are over. */
export function kindsIn(reports: readonly AlarmReport[], open: ReadonlySet<AlarmEventKind>): AlarmEventKind[] {
  const kinds = new Set<AlarmEventKind>()
  for (const { alarms, attributes } of reports) {
    for (const alarm of alarms) if (isAlarmEventKind(alarm)) kinds.add(alarm)
    for (const kind of open) if (disproves(kind, alarms, attributes)) kinds.add(kind)
  }
  return [...kinds]
}

/**
 * What fixes say of alarms, once it is known what became of them. A repeated fix too: several messages of one moment are one fix,
 * and one of them may be the alarm. A fix that is set aside has no time that counts, so its alarms are of its receipt.
 */
export function alarmReportsOf(items: readonly QueuedFix[], results: readonly FixResult[]): AlarmReport[] {
  return items.flatMap(({ index, fix, receivedAt }) => {
    const result = results[index]
    if (result === undefined || result.status === 'refused' || result.status === 'thinned') return []
    const { attributes = {}, location } = fix
    const alarms = namesIn(attributes.alarms)
    if (result.status === 'set-aside') return [{ timestamp: receivedAt, alarms, attributes }]
    const timestamp = result.status === 'stored' ? (result.repaired?.timestamp ?? fix.timestamp) : fix.timestamp
    return [{ timestamp, alarms, attributes, location }]
  })
}

export function namesIn(alarms: unknown): readonly string[] {
  return Array.isArray(alarms) ? alarms.filter(name => typeof name === 'string') : []
}
