import { checkFix, type LocationUpdate } from '../../../contract/index.ts'
import { type ClockEvidence, type ClockQuestion, findClockEvidence } from '../../store/clock-evidence.ts'
import { named, type QueuedFix } from '../fix-queue.ts'
import { persist } from '../persist.ts'
import type { Pipeline } from '../pipeline.ts'
import type { Lesson } from './device-clocks.ts'
import {
  contradictsRollover,
  maybeRollover,
  type RolloverContext,
  rolloverCandidates,
  rolloverRepair,
} from './week-rollover.ts'

/** Fixes so far around a time make it history of the device. */
const HISTORY_MS = 30 * 86_400_000

/**
 * The step before a group is committed: times that lost their week count are repaired, and the clocks of devices are learnt. Fixes
 * whose times can be true cost nothing. Rejects only when the database stays away until close().
 */
export async function judgeClocks(pipeline: Pipeline, items: readonly QueuedFix[]): Promise<readonly QueuedFix[]> {
  const judged = await repairRollovers(pipeline, items)
  const lessons: Lesson[] = []
  for (const item of judged) {
    if (!speaksForClock(judged, item)) continue
    const lesson = pipeline.clocks.observe(item, sentTime(item), item.arrivedAt)
    if (lesson !== undefined) lessons.push(lesson)
  }
  await pipeline.clocks.keep(pipeline, lessons)
  return judged
}

/** A batch was buffered, so only what it has of the future says something about the clock, and of that the newest alone. */
function speaksForClock(items: readonly QueuedFix[], item: QueuedFix): boolean {
  if (item.accepts !== undefined || item.clock?.repair === 'week-rollover') return false
  if (item.alone) return true
  if (item.setAside === undefined) return false
  const next = items[items.indexOf(item) + 1]
  return next?.message !== item.message
}

function sentTime({ clock, fix }: QueuedFix): number {
  return clock?.received ?? fix.timestamp
}

async function repairRollovers(pipeline: Pipeline, items: readonly QueuedFix[]): Promise<readonly QueuedFix[]> {
  const suspects = items.filter(
    item => item.accepts === undefined && maybeRollover(timeOf(pipeline, item), item.arrivedAt),
  )
  if (suspects.length === 0) return items
  const { db, states } = pipeline
  const newest = new Map<string, Newest>()
  const evidence = await persist(async () => {
    const known = await states.load(db, new Map(suspects.map(item => [item.key, item])))
    const questions = suspects.map(item =>
      questionOf(item, timeOf(pipeline, item), known.get(item.key)?.newest?.timestamp ?? null),
    )
    const answers = await findClockEvidence(db, questions, HISTORY_MS)
    for (const [i, { key }] of suspects.entries()) {
      const { newestMovedBy } = answers[i]!
      // What was received is in the time the device sends; what is moved is in the time a person corrected it to.
      const movedBy = newestMovedBy === null ? null : newestMovedBy + pipeline.clocks.correctionMs(key)
      newest.set(key, { timeMs: questions[i]!.newestMs, movedBy })
    }
    return answers
  }, pipeline)
  const evidenceOf = new Map(suspects.map((item, i) => [item, evidence[i]!]))
  const judged = items.map(item => {
    const repaired = evidenceOf.has(item)
      ? repair(pipeline, item, { items, newest, evidence: evidenceOf.get(item)! })
      : item
    const before = newest.get(item.key)
    // What the group has brought by now is the device's own time for the rest of it.
    if (
      before !== undefined &&
      repaired.setAside === undefined &&
      repaired.fix.timestamp > (before.timeMs ?? -Infinity)
    ) {
      const { timestamp } = repaired.fix
      newest.set(item.key, {
        timeMs: timestamp,
        movedBy: repaired === item ? null : timestamp - timeOf(pipeline, item),
      })
    }
    return repaired
  })
  return inOrder(judged)
}

interface Newest {
  readonly timeMs: number | null
  readonly movedBy: number | null
}

interface GroupContext {
  readonly items: readonly QueuedFix[]
  readonly newest: ReadonlyMap<string, Newest>
  readonly evidence: ClockEvidence
}

function repair(pipeline: Pipeline, item: QueuedFix, { items, newest, evidence }: GroupContext): QueuedFix {
  const timeMs = timeOf(pipeline, item)
  const context: RolloverContext = {
    arrivedMs: item.arrivedAt,
    newestMs: newest.get(item.key)?.timeMs ?? null,
    newestMovedBy: newest.get(item.key)?.movedBy ?? null,
    alone: item.alone,
  }
  if (evidence.repairedTo !== null) return moved(item, evidence.repairedTo)
  const repairedMs = evidence.hasHistory ? null : rolloverRepair(timeMs, context)
  if (repairedMs === null) return item
  const shiftMs = repairedMs - timeMs
  const isHistory = (other: QueuedFix): boolean => {
    const otherMs = timeOf(pipeline, other)
    return (
      other.message === item.message &&
      Math.abs(otherMs - timeMs) <= HISTORY_MS &&
      contradictsRollover(otherMs, shiftMs, context)
    )
  }
  return items.some(isHistory) ? item : moved(item, repairedMs)
}

/** As the device would have it after what a person set; a fix set aside still has the time it was sent with. */
function timeOf({ clocks }: Pipeline, { key, fix, setAside }: QueuedFix): number {
  return setAside === undefined ? fix.timestamp : fix.timestamp - clocks.correctionMs(key)
}

function questionOf(item: QueuedFix, timeMs: number, newestMs: number | null): ClockQuestion {
  const { org, deviceId } = item
  return { org, deviceId, timeMs: sentTime(item), candidates: rolloverCandidates(timeMs), newestMs }
}

function moved(item: QueuedFix, timestamp: number): QueuedFix {
  const fix: LocationUpdate = checkFix({ ...item.fix, timestamp }, item.deviceId, item.arrivedAt)
  return {
    ...item,
    fix: named(fix, item.deviceId),
    clock: { received: sentTime(item), repair: 'week-rollover' },
    setAside: undefined,
  }
}

/** Fixes of one message stay together, oldest first. */
function inOrder(items: readonly QueuedFix[]): QueuedFix[] {
  const places = new Map<object, number>()
  for (const { message } of items) if (!places.has(message)) places.set(message, places.size)
  return [...items].sort((a, b) => places.get(a.message)! - places.get(b.message)! || a.fix.timestamp - b.fix.timestamp)
}
