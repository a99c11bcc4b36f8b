import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKPOINT_INTERVAL, LateRun, type LateRunOptions } from '../../../bridge/ingest/late-run.ts'
import type { Checkpoint } from '../../../bridge/store/checkpoints.ts'
import type { LocationUpdate } from '../../../contract/index.ts'
import { FenceIndex, unchanging } from '../../../geofence-engine/index.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE } from '../../support/ingest.ts'

const FIXES = 1_000
/** A fix every ten seconds, five inside and five outside by turns. */
const HISTORY = Array.from({ length: FIXES }, (_, i) => fixAt(i * 10, i % 10 < 5 ? OUTSIDE : INSIDE))

function runOf(late: readonly LocationUpdate[], options: Partial<LateRunOptions> = {}): LateRun {
  const fences = new FenceIndex()
  fences.put(FENCE)
  const surroundings = unchanging({ org: 'demo', deviceId: 'truck', groups: [] }, fences)
  return new LateRun({ surroundings, start: undefined, late, changeTimes: new Set(), unsaved: undefined, ...options })
}

/** The checkpoints of a whole history that was never evaluated. */
function checkpointsOf(fixes: readonly LocationUpdate[]): Checkpoint[] {
  const run = runOf(fixes)
  run.feed({ fixes: [], checkpoints: [], until: null })
  return run.checkpoints
}

const isIn = (history: readonly LocationUpdate[], from: number, to: number) =>
  history.filter(({ timestamp }) => timestamp > from && timestamp <= to)

test('a long history gets checkpoints, never further apart than two intervals', () => {
  const times = [HISTORY[0]!.timestamp - 10_000, ...checkpointsOf(HISTORY).map(({ time }) => time)]
  assert.ok(times.length > FIXES / CHECKPOINT_INTERVAL / 2)
  for (const [i, time] of times.entries()) {
    const next = times[i + 1] ?? HISTORY.at(-1)!.timestamp
    assert.ok(isIn(HISTORY, time, next).length < 2 * CHECKPOINT_INTERVAL)
  }
})

test('a late fix costs as far as the next checkpoint, and what it reveals is all that comes of it', () => {
  const known = checkpointsOf(HISTORY)
  const start = known[4]!
  const late = { ...fixAt(0, INSIDE), timestamp: start.time + 50_001 }
  const run = runOf([late], { start })
  let pages = 0
  for (; !run.isOver; pages++) {
    const until = run.after + 200_000
    const checkpoints = known.filter(({ time }) => time > run.after && time <= until)
    run.feed({ fixes: isIn(HISTORY, run.after, until), checkpoints, until })
  }
  assert.equal(run.met, true)
  assert.deepEqual(run.stretch, { from: late.timestamp, to: known[5]!.time })
  assert.deepEqual(run.checkpoints, [], 'none says something else')
  assert.ok(pages > 1)
  assert.ok(run.evaluated(known[5]!.time) && !run.evaluated(known[5]!.time + 10_000))
})

test('it goes on as long as the outcome differs, and then its state is the new one', () => {
  const fences = new FenceIndex()
  fences.put({ ...FENCE, properties: { dwellSeconds: 1_000_000 } })
  const surroundings = unchanging({ org: 'demo', deviceId: 'truck', groups: [] }, fences)
  const stay = HISTORY.map(fix => ({ ...fix, location: INSIDE }))
  const first = runOf(stay, { surroundings })
  first.feed({ fixes: [], checkpoints: [], until: null })
  // The stay began when it ended: it is another one from there to the end.
  const late = { ...fixAt(0, OUTSIDE), timestamp: stay[2]!.timestamp + 1 }
  const run = runOf([late], { surroundings })
  run.feed({ fixes: stay, checkpoints: first.checkpoints, until: null })
  assert.equal(run.met, false)
  assert.equal(run.state.newest?.timestamp, stay.at(-1)!.timestamp)
  assert.deepEqual(
    run.checkpoints.map(({ time }) => time),
    first.checkpoints.map(({ time }) => time),
    'every checkpoint is written again',
  )
})
