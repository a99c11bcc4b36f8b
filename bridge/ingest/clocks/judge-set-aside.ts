import { checkFix, type ErrorCode, TrackwireError } from '../../../contract/index.ts'
import { type Act, recordAudit } from '../../store/audit.ts'
import { learntOffsets } from '../../store/device-clocks.ts'
import { dropSetAside, selectWaiting, type WaitingRow } from '../../store/set-aside.ts'
import { commitFixes } from '../commit-fixes.ts'
import { type FixMessage, named, type QueuedFix } from '../fix-queue.ts'
import type { AcceptedTime, FixResult, SetAsideJudgement, SetAsideSelection } from '../ingest.ts'
import { persist } from '../persist.ts'
import type { Pipeline } from '../pipeline.ts'
import { keyOf } from '../state-cache.ts'
import { suggestedOffset } from './suggestion.ts'

/** Rows a call judges at the most. */
const MOST_ROWS = 1_000
/** Fixes in one transaction, as when they come from devices. */
const GROUP = 500

type Refused = SetAsideJudgement['refused'][number]

/**
 * Commits fixes that were set aside as fixes of their device. A row leaves the list in the transaction that stores its fix, so a
 * crash neither loses nor doubles it. Runs while nothing else is being committed.
 */
export async function acceptSetAside(
  pipeline: Pipeline,
  selection: SetAsideSelection,
  time: AcceptedTime,
  act?: Act,
): Promise<SetAsideJudgement> {
  const { db, committer } = pipeline
  const { rows, next } = await selectRows(pipeline, selection)
  const learnt = await persist(
    () =>
      learntOffsets(
        db,
        selection.org,
        rows.map(({ deviceId }) => deviceId),
      ),
    pipeline,
  )
  const judged: number[] = []
  const refused: Refused[] = []
  const message = new Acceptance()
  const items: QueuedFix[] = []
  for (const row of rows) {
    const offsets = learnt.filter(({ deviceId }) => deviceId === row.deviceId).map(({ offsetSeconds }) => offsetSeconds)
    try {
      items.push(queuedFix(pipeline, row, { selection, message, timestamp: acceptedTime(row, time, offsets) }))
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error
      refused.push({ id: row.id, code: error.code, message: error.message })
    }
  }
  items.sort((a, b) => a.fix.timestamp - b.fix.timestamp)
  for (let start = 0; start < items.length; start += GROUP) {
    await committer().serveUrgent()
    await commitFixes(pipeline, items.slice(start, start + GROUP))
  }
  for (const [id, outcome] of message.outcomes) {
    if (outcome.status === 'refused') refused.push({ id, code: outcome.code, message: outcome.message })
    else judged.push(id)
  }
  refused.sort((a, b) => a.id - b.id)
  // The rows themselves say who accepted them, in the transactions that did; this says it once more, for the whole call.
  if (act !== undefined && judged.length > 0) await persist(() => recordAudit(db, act, pipeline.now()), pipeline)
  return { judged: judged.sort((a, b) => a - b), refused, next }
}

/** Fixes that were set aside stay out for good; who said so is kept. Runs while nothing else is being committed. */
export async function dropWaiting(
  pipeline: Pipeline,
  selection: SetAsideSelection,
  act?: Act,
): Promise<SetAsideJudgement> {
  const { db, now } = pipeline
  const { rows, next } = await selectRows(pipeline, selection)
  const judged = await persist(
    () =>
      db.transaction(async tx => {
        const ids = rows.map(({ id }) => id)
        const dropped = await dropSetAside(tx, { org: selection.org, ids, by: selection.by }, now())
        if (act !== undefined && dropped.length > 0) await recordAudit(tx, act, now())
        return dropped
      }),
    pipeline,
  )
  return { judged, refused: [], next }
}

async function selectRows(pipeline: Pipeline, selection: SetAsideSelection) {
  const rows = await persist(() => selectWaiting(pipeline.db, { ...selection, limit: MOST_ROWS + 1 }), pipeline)
  const kept = rows.slice(0, MOST_ROWS)
  return { rows: kept, next: rows.length > MOST_ROWS ? kept.at(-1)!.id : null }
}

function acceptedTime(row: WaitingRow, { timestamp, offsetSeconds }: AcceptedTime, learnt: readonly number[]): number {
  if (timestamp !== undefined) return timestamp
  const offset = offsetSeconds ?? suggestedOffset(row.fixTime, row.receivedAt, learnt) ?? 0
  return row.fixTime - offset * 1_000
}

function queuedFix(
  { now }: Pipeline,
  row: WaitingRow,
  { selection, message, timestamp }: { selection: SetAsideSelection; message: FixMessage; timestamp: number },
): QueuedFix {
  const { org, deviceId, receivedAt } = row
  const nowMs = now()
  const fix = checkAccepted({ ...row.fix, timestamp }, deviceId, nowMs)
  return {
    message,
    index: 0,
    key: keyOf({ org, deviceId }),
    org,
    deviceId,
    receivedAt,
    arrivedAt: nowMs,
    registers: false,
    isForwarded: false,
    bridge: undefined,
    alone: false,
    fix: named(fix, deviceId),
    clock: timestamp === row.fixTime ? undefined : { received: row.fixTime, repair: 'accepted' },
    accepts: { setAsideId: row.id, by: selection.by },
    setAside: undefined,
    bytes: 0,
    mayThin: false,
  }
}

/** What became of the fixes that were accepted, by the ids of those that waited. */
class Acceptance implements FixMessage {
  readonly outcomes = new Map<number, FixResult>()

  settle({ accepts }: QueuedFix, result: FixResult): void {
    this.outcomes.set(accepts!.setAsideId, result)
  }

  fail(item: QueuedFix, error: unknown): void {
    this.settle(item, refusal(error))
  }
}

function checkAccepted(value: unknown, deviceId: string, nowMs: number) {
  try {
    return checkFix(value, deviceId, nowMs)
  } catch (error) {
    if (!(error instanceof TrackwireError) || error.code !== 'timestamp_future') throw error
    throw new TrackwireError(
      'timestamp_still_future',
      'with this time the fix is still ahead of the clock; say the right timestamp or offsetSeconds',
    )
  }
}

function refusal(error: unknown): FixResult {
  const code: ErrorCode = error instanceof TrackwireError ? error.code : 'internal'
  return { status: 'refused', code, message: error instanceof TrackwireError ? error.message : 'an unexpected fault' }
}
