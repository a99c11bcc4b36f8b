import type { DeviceEvent, OfflineSettings } from '../../contract/index.ts'
import { type ConnectivityStep, deviceEventId, episodeId, stepConnectivity } from '../../geofence-engine/index.ts'
import {
  type ConnectivityRow,
  listDueConnectivity,
  lockConnectivity,
  lockOffline,
  saveConnectivity,
} from '../store/connectivity.ts'
import type { Queryable } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { countEvents } from './metrics.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'
import { type NewEvent, storeEvents } from './store-events.ts'

/** Devices in one transaction: an SOS need not wait long behind a storm. */
const GROUP = 100

/** What was heard of a device, by the platform's clock. */
export interface Sign {
  readonly heardAt?: number
  readonly sessionEndedAt?: number
}

/** The offline rule in force for a device; null: there is none. */
export function offlineRuleOf({ rules, devices }: Pipeline, { org, deviceId }: DeviceKey): OfflineSettings | null {
  return rules.of(org, deviceId, devices.groups(org, deviceId)).rules.offline ?? null
}

/** Looks at devices whose time has come. @returns whether there may be more */
export async function commitDueConnectivity(pipeline: Pipeline): Promise<boolean> {
  if (!pipeline.db.isShared && !pipeline.connectivity().watchesAny) return false
  const due = await listDueConnectivity(pipeline.db, pipeline.now(), GROUP)
  if (due.length > 0) await commitConnectivity(pipeline, due)
  return due.length === GROUP
}

/** Looks at devices: rows, events and what comes of them are one transaction. */
export async function commitConnectivity(pipeline: Pipeline, devices: readonly DeviceKey[]): Promise<void> {
  const { db, now, announcer, metrics, eventListener, connectivity } = pipeline
  const watch = connectivity()
  const committed = await persist(() => {
    const nowMs = now()
    const signs = new Map(devices.map(device => [keyOf(device), watch.signOf(keyOf(device))]))
    return db.transaction(async tx => {
      const known = new Map((await lockConnectivity(tx, devices)).map(row => [keyOf(row), row]))
      const rows: ConnectivityRow[] = []
      const events: NewEvent[] = []
      for (const device of devices) {
        const step = stepOf(pipeline, device, { row: known.get(keyOf(device)), sign: signs.get(keyOf(device)), nowMs })
        if (step === undefined) continue
        rows.push({ ...device, ...step.state, dueAt: step.dueAt })
        const event = eventOf(pipeline, device, step)
        if (event !== undefined) events.push({ org: device.org, event, causeTime: null })
      }
      await saveConnectivity(tx, rows)
      const stored = await storeEvents(tx, { events, retracted: [], amended: [] }, { nowMs, listener: eventListener })
      return { rows, signs, ...stored }
    })
  }, pipeline)
  for (const row of committed.rows) {
    watch.put(row, row.offlineSince !== null, committed.signs.get(keyOf(row)))
  }
  countEvents(metrics, committed.changes)
  announcer.enqueue(committed.outbox)
}

/** Those that are offline by a rule that is off now are so no more: an `online` does not come of it, now or later. */
export async function forgetOffline(
  { connectivity, now }: Pipeline,
  tx: Queryable,
  { org, deviceId, isWatched }: { org: string; deviceId?: string | undefined; isWatched(deviceId: string): boolean },
): Promise<void> {
  const times = { nowMs: now(), startedAt: connectivity().startedAt }
  const rows = (await lockOffline(tx, org, deviceId)).filter(row => !isWatched(row.deviceId))
  await saveConnectivity(
    tx,
    rows.map(({ org, deviceId, ...row }) => {
      const { state, dueAt } = stepConnectivity(row, null, times)
      return { org, deviceId, ...state, dueAt }
    }),
  )
}

/** @returns undefined when nobody watches the device and nothing was heard */
function stepOf(
  pipeline: Pipeline,
  device: DeviceKey,
  { row, sign, nowMs }: { row: ConnectivityRow | undefined; sign: Sign | undefined; nowMs: number },
): ConnectivityStep | undefined {
  if (row === undefined && sign === undefined) return undefined
  const sessionEndedAt = sign?.sessionEndedAt ?? row?.sessionEndedAt ?? null
  // Who had a session was there until its end.
  const heardAt = Math.max(row?.heardAt ?? 0, sign?.heardAt ?? 0) || (sessionEndedAt ?? 0)
  const state = { heardAt, sessionEndedAt, offlineSince: row?.offlineSince ?? null }
  const { startedAt } = pipeline.connectivity()
  return stepConnectivity(state, offlineRuleOf(pipeline, device), { nowMs, startedAt })
}

function eventOf(
  pipeline: Pipeline,
  { org, deviceId }: DeviceKey,
  { change, state }: ConnectivityStep,
): DeviceEvent | undefined {
  if (change === undefined) return undefined
  const { event, at, seconds, limit } = change
  const since = event === 'offline' ? state.offlineSince! : at - Math.round(seconds * 1_000)
  const location = pipeline.states.peek(keyOf({ org, deviceId }))?.newest?.location
  const { severity } = offlineRuleOf(pipeline, { org, deviceId }) ?? {}
  const phase = event === 'offline' ? 'begin' : 'end'
  return {
    id: deviceEventId(org, deviceId, event, phase, at),
    event,
    phase,
    episode: episodeId(org, deviceId, 'offline', since),
    deviceId,
    timestamp: at,
    ...(location !== undefined && { location }),
    ...(event === 'offline' ? { inferred: true, value: seconds } : { seconds }),
    ...(limit !== undefined && { limit }),
    ...(severity !== undefined && { severity }),
  }
}
