import type { LocationUpdate } from '../../contract/index.ts'
import type { Surroundings } from '../../geofence-engine/index.ts'
import { type Checkpoint, loadLastCheckpointsBefore } from '../store/checkpoints.ts'
import type { Queryable } from '../store/database.ts'
import { listStanding, type StoredEvent } from '../store/events.ts'
import { loadHistoryPages } from '../store/stretches.ts'
import { differenceOf, type EventDifference } from './event-difference.ts'
import { LateRun } from './late-run.ts'
import { isSettledEvent } from './settled.ts'
import { type CommittedState, keyOf } from './state-cache.ts'

/** Pages of so many devices are in memory at once. */
const DEVICES_AT_ONCE = 32

/** A device with fixes that are older than its newest. */
export interface LateDevice {
  readonly state: CommittedState
  readonly surroundings: Surroundings
  /** Not stored yet, oldest first, each time once. */
  readonly late: readonly LocationUpdate[]
  /** The checkpoint of a change that the device meets just now. */
  readonly unsaved: Checkpoint | undefined
}

export interface LateOutcome {
  readonly run: LateRun
  readonly difference: EventDifference
}

/**
 * Evaluates devices again over the stretches that their late fixes change. Reads, and writes nothing.
 * @param betweenRounds runs between pieces of work
 * @returns the outcome by device key
 */
export async function reevaluate(
  db: Queryable,
  devices: readonly LateDevice[],
  betweenRounds: () => Promise<void>,
): Promise<Map<string, LateOutcome>> {
  const outcomes = new Map<string, LateOutcome>()
  for (let start = 0; start < devices.length; start += DEVICES_AT_ONCE) {
    const part = devices.slice(start, start + DEVICES_AT_ONCE)
    const runs = await runAll(db, part, betweenRounds)
    const standing = await standingOf(db, part, runs)
    for (const [i, device] of part.entries()) {
      const key = keyOf(device.state)
      const run = runs[i]!
      outcomes.set(key, { run, difference: differenceOf(run.events, comparable(device, run, standing.get(key) ?? [])) })
    }
  }
  return outcomes
}

async function runAll(
  db: Queryable,
  devices: readonly LateDevice[],
  betweenRounds: () => Promise<void>,
): Promise<LateRun[]> {
  const starts = new Map<string, Checkpoint>()
  const wanted = devices.map(({ state, late }) => ({ ...deviceOf(state), before: late[0]!.timestamp }))
  for (const row of await loadLastCheckpointsBefore(db, wanted)) starts.set(keyOf(row), row)
  const runs = devices.map(({ state, surroundings, late, unsaved }) => {
    const changeTimes = new Set((state.changes ?? []).flatMap(({ time }) => (time === null ? [] : [time])))
    return new LateRun({ surroundings, start: starts.get(keyOf(state)), late, changeTimes, unsaved })
  })
  for (;;) {
    const open = [...runs.keys()].filter(i => !runs[i]!.isOver)
    if (open.length === 0) return runs
    const pages = await loadHistoryPages(
      db,
      open.map(i => ({ ...deviceOf(devices[i]!.state), after: runs[i]!.after })),
    )
    for (const [n, i] of open.entries()) runs[i]!.feed(pages[n]!)
    await betweenRounds()
  }
}

async function standingOf(
  db: Queryable,
  devices: readonly LateDevice[],
  runs: readonly LateRun[],
): Promise<Map<string, StoredEvent[]>> {
  const stretches = devices.map(({ state }, i) => ({ ...deviceOf(state), ...runs[i]!.stretch }))
  const standing = new Map<string, StoredEvent[]>()
  for (const event of await listStanding(db, stretches)) {
    const key = keyOf({ org: event.org, deviceId: event.event.deviceId })
    const events = standing.get(key)
    if (events === undefined) standing.set(key, [event])
    else events.push(event)
  }
  return standing
}

/**
 * The standing events that the run can judge: not what is settled, not what was decided by a fix that is no longer in the history,
 * not what the clock announced (that is judged by what is to be expected).
 */
function comparable(
  { surroundings, state }: LateDevice,
  run: LateRun,
  standing: readonly StoredEvent[],
): StoredEvent[] {
  const provisional = new Set(state.provisional?.map(({ baseId }) => baseId))
  return standing.filter(
    ({ baseId, event, causeTime }) =>
      !provisional.has(baseId) && run.evaluated(causeTime!) && !isSettledEvent(surroundings, event, causeTime!),
  )
}

function deviceOf({ org, deviceId }: CommittedState): { org: string; deviceId: string } {
  return { org, deviceId }
}
