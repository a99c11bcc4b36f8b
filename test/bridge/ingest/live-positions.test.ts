import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withPglite } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { fixAt, OUTSIDE, Recorder, withIngest } from '../../support/ingest.ts'

const DEVICES = 20
/** Longer than a slice. */
const WORK_MS = 3

test('of positions that move together, or are due together, no more are published in a turn of the event loop than there is time for', async t => {
  const recorder = new Recorder()
  const { send } = await withIngest(t, await withPglite(t), 'org', { recorder })
  let turn = 0
  let next = setImmediate(function count() {
    turn += 1
    next = setImmediate(count)
  })
  t.after(() => clearImmediate(next))
  const published = new Map<number, number>()
  recorder.refuse = ({ topic }) => {
    if (!topic.endsWith('/last')) return false
    published.set(turn, (published.get(turn) ?? 0) + 1)
    const until = performance.now() + WORK_MS
    while (performance.now() < until);
    return false
  }
  const heard = () => recorder.messages.filter(({ topic }) => topic.endsWith('/last')).length
  const sendAll = (second: number) =>
    Promise.all(Array.from({ length: DEVICES }, (_, i) => send(`truck-${i}`, fixAt(second, OUTSIDE))))

  await sendAll(1)
  await eventually('all are published', async () => heard() === DEVICES)
  await sendAll(2)
  await eventually('those that are due, too', async () => heard() === 2 * DEVICES)
  assert.deepEqual([...new Set(published.values())], [1])
})

test('positions that wait for their turn are published when the platform is stopped', async t => {
  const recorder = new Recorder()
  const { ingest, send } = await withIngest(t, await withPglite(t), 'org', { recorder })
  recorder.refuse = () => {
    const until = performance.now() + WORK_MS
    while (performance.now() < until);
    return false
  }
  await Promise.all(Array.from({ length: DEVICES }, (_, i) => send(`truck-${i}`, fixAt(1, OUTSIDE))))
  await ingest.close()
  assert.equal(recorder.messages.filter(({ topic }) => topic.endsWith('/last')).length, DEVICES)
})
