import type { AlarmEventKind, AlarmSettings, DeviceEvent, Location } from '../../contract/index.ts'
import {
  type AlarmMemory,
  type AlarmNotice,
  deviceEventId,
  disproves,
  episodeId,
  expireAlarm,
  heedsAlarm,
  quietMsOf,
  raiseAlarm,
  settleAlarm,
} from '../../geofence-engine/index.ts'
import type { Queryable } from '../store/database.ts'
import { type DeviceAlarmRow, listDueAlarms, lockAlarms, saveAlarms } from '../store/device-alarms.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { kindsIn } from './device-alarms.ts'
import type { AlarmReport } from './ingest.ts'
import { countEvents } from './metrics.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'
import { type NewEvent, storeEvents } from './store-events.ts'

/** Alarms that are looked at in one transaction. */
const GROUP = 100

/** What a device says of its alarms, in one transaction with the events that come of it. */
export async function commitDeviceAlarms(
  pipeline: Pipeline,
  device: DeviceKey,
  reports: readonly AlarmReport[],
): Promise<void> {
  const settings = settingsFor(pipeline, device)
  const kinds = kindsIn(reports, pipeline.deviceAlarms.openKinds(device)).filter(kind => heedsAlarm(settings, kind))
  if (kinds.length === 0) return
  const inOrder = [...reports].sort((a, b) => a.timestamp - b.timestamp)
  await commit(pipeline, async tx => {
    const keys = kinds.map(kind => ({ ...device, kind }))
    const known = new Map((await lockAlarms(tx, keys)).map(row => [row.kind, row.memory]))
    return kinds.map(kind => heard(pipeline, { ...device, kind, memory: known.get(kind) }, inOrder, settings))
  })
}

/** Ends what was not raised again. @returns whether there may be more */
export async function commitDueAlarms(pipeline: Pipeline): Promise<boolean> {
  if (!pipeline.db.isShared && pipeline.deviceAlarms.size === 0) return false
  const due = await listDueAlarms(pipeline.db, pipeline.now(), GROUP)
  if (due.length === 0) return false
  await commit(pipeline, async tx => {
    const rows = await lockAlarms(tx, due)
    const late = rows.filter(({ dueAt }) => dueAt !== null && dueAt <= pipeline.now())
    return late.map(row => {
      const settings = settingsFor(pipeline, row)
      const { memory, notices } = expireAlarm(row.memory, quietMsOf(settings, row.kind))
      return stepOf(pipeline, { ...row, memory }, notices, settings)
    })
  })
  return due.length === GROUP
}

interface Step {
  readonly row: DeviceAlarmRow
  readonly events: readonly NewEvent[]
}

async function commit(pipeline: Pipeline, work: (tx: Queryable) => Promise<readonly Step[]>): Promise<void> {
  const { db, now, announcer, metrics, eventListener, deviceAlarms } = pipeline
  const { rows, changes, outbox } = await persist(
    () =>
      db.transaction(async tx => {
        const steps = await work(tx)
        const rows = steps.map(({ row }) => row)
        await saveAlarms(tx, rows)
        const outcome = { events: steps.flatMap(({ events }) => events), retracted: [], amended: [] }
        return { rows, ...(await storeEvents(tx, outcome, { nowMs: now(), listener: eventListener })) }
      }),
    pipeline,
  )
  for (const row of rows) deviceAlarms.put(row, row.dueAt !== null)
  countEvents(metrics, changes)
  announcer.enqueue(outbox)
}

function settingsFor({ rules, devices }: Pipeline, { org, deviceId }: DeviceKey): AlarmSettings | null | undefined {
  return rules.of(org, deviceId, devices.groups(org, deviceId)).rules.alarms
}

interface Known extends DeviceKey {
  readonly kind: AlarmEventKind
  readonly memory: AlarmMemory | undefined
}

function heard(
  pipeline: Pipeline,
  { memory: before, ...key }: Known,
  reports: readonly AlarmReport[],
  settings: AlarmSettings | null | undefined,
): Step {
  const quietMs = quietMsOf(settings, key.kind)
  let memory: AlarmMemory = before ?? { open: null, past: [] }
  const told: (AlarmNotice & { location?: Location | undefined })[] = []
  for (const { timestamp, alarms, attributes, location } of reports) {
    const raised = alarms.includes(key.kind)
    if (!raised && !disproves(key.kind, alarms, attributes)) continue
    const step = raised ? raiseAlarm(memory, timestamp, quietMs) : settleAlarm(memory, timestamp)
    memory = step.memory
    told.push(...step.notices.map(notice => (notice.at === timestamp ? { ...notice, location } : notice)))
  }
  const dueAt = memory.open === null ? null : pipeline.now() + quietMs
  return stepOf(pipeline, { ...key, memory, dueAt }, told, settings)
}

function stepOf(
  pipeline: Pipeline,
  row: Omit<DeviceAlarmRow, 'dueAt'> & { readonly dueAt?: number | null },
  notices: readonly (AlarmNotice & { location?: Location | undefined })[],
  settings: AlarmSettings | null | undefined,
): Step {
  const { org, deviceId, kind, memory } = row
  const newest = pipeline.states.peek(keyOf(row))?.newest?.location
  const events = notices.map(({ phase, at, since, late, inferred, location = newest }): NewEvent => {
    const event: DeviceEvent = {
      id: deviceEventId(org, deviceId, kind, phase, at, 'device'),
      event: kind,
      phase,
      episode: episodeId(org, deviceId, kind, since, 'device'),
      deviceId,
      timestamp: at,
      ...(location !== undefined && { location }),
      source: 'device',
      ...(late !== undefined && { late }),
      ...(inferred !== undefined && { inferred }),
      ...(phase === 'end' && { seconds: (at - since) / 1_000 }),
      ...(settings?.severity !== undefined && { severity: settings.severity }),
    }
    // No late fix contradicts what the device itself said.
    return { org, event, causeTime: null }
  })
  return { row: { org, deviceId, kind, memory, dueAt: memory.open === null ? null : row.dueAt! }, events }
}
