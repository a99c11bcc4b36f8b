import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { LiveFirst } from '../../../bridge/ingest/live-first.ts'
import { eventually } from '../../support/eventually.ts'

const no = () => false
const nobody = { isAwaited: no, isForOther: no }

function blockFor(ms: number): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

/** An event loop that always has something to do. @returns a function that ends it */
function keepBusy(): () => void {
  let isOver = false
  const turn = () => {
    blockFor(3)
    if (!isOver) setImmediate(turn)
  }
  turn()
  return () => {
    isOver = true
  }
}

function group(liveFirst: LiveFirst, ms: number): void {
  liveFirst.groupBegins()
  blockFor(ms)
  liveFirst.groupEnded()
}

async function rested(liveFirst: LiveFirst, isAwaited = no): Promise<number> {
  const before = performance.now()
  await liveFirst.rest({ isAwaited, isForOther: no })
  return performance.now() - before
}

test('a busy event loop has storing rest four times as long as a group took; after two seconds that is pressure', async () => {
  const pressed: boolean[] = []
  const liveFirst = new LiveFirst(isPressed => pressed.push(isPressed))
  const stop = keepBusy()
  const beganMs = performance.now()
  group(liveFirst, 50)
  assert.ok((await rested(liveFirst)) >= 200)
  assert.deepEqual(pressed, [])
  while (performance.now() - beganMs < 2_600) {
    group(liveFirst, 50)
    await liveFirst.rest(nobody)
  }
  assert.deepEqual(pressed, [true])
  stop()
  await eventually('relief', () => pressed.length > 1)
  assert.deepEqual(pressed, [true, false])
})

test('it does not rest while somebody waits, nor longer than until then', async () => {
  const liveFirst = new LiveFirst(() => assert.fail('there is time enough'))
  const stop = keepBusy()
  group(liveFirst, 500)
  assert.ok((await rested(liveFirst, () => true)) < 100)
  let isAwaited = false
  setTimeout(() => {
    isAwaited = true
  }, 100)
  assert.ok((await rested(liveFirst, () => isAwaited)) < 900)
  stop()
})

test('what else there is to do comes between, and the rest does not begin anew', async () => {
  const liveFirst = new LiveFirst(() => {})
  const stop = keepBusy()
  group(liveFirst, 50)
  const beganMs = performance.now()
  const others = { isAwaited: no, isForOther: () => true }
  while (!(await liveFirst.rest(others))) await delay(1)
  assert.ok(performance.now() - beganMs >= 190)
  stop()
})

test('where the event loop has time, storing goes on', async () => {
  const liveFirst = new LiveFirst(() => assert.fail('there is time enough'))
  liveFirst.groupBegins()
  await delay(500)
  liveFirst.groupEnded()
  assert.ok((await rested(liveFirst)) < 1_000)
})
