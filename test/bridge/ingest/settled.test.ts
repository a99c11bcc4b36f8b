import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isSettledDecision,
  isSettledEvent,
  leadToTheSame,
  meetEpoch,
  passChange,
  settledUntil,
} from '../../../bridge/ingest/settled.ts'
import { surroundingsIn } from '../../../bridge/ingest/surroundings.ts'
import type { MetEpoch } from '../../../bridge/store/device-states.ts'
import type { GeofenceEvent } from '../../../contract/index.ts'
import { type DeviceState, FenceIndex } from '../../../geofence-engine/index.ts'
import { FENCE } from '../../support/ingest.ts'

const NEVER = Number.NEGATIVE_INFINITY

/** `old` as it always was, `new` since the change of epoch 5; `gone` is deleted. The rules are of epoch `rulesEpoch`. */
function surroundings(changes: readonly MetEpoch[], rulesEpoch = 0) {
  const fences = new FenceIndex()
  fences.put({ ...FENCE, id: 'old' }, 1)
  fences.put({ ...FENCE, id: 'new' }, 5)
  const device = { org: 'demo', deviceId: 'truck', groups: [] }
  return surroundingsIn({ device, fences, rules: {}, epoch: rulesEpoch, orgEpoch: 5 }, changes)
}

const CHANGES = [
  { epoch: 3, time: null },
  { epoch: 5, time: 1_000 },
] as const

test('a device meets each change once, at the newest fix that it had', () => {
  const first = meetEpoch(null, 3, null)
  assert.deepEqual(first, [{ epoch: 3, time: null }])
  assert.equal(meetEpoch(first, 3, 500), first)
  assert.equal(meetEpoch(first, 2, 500), first, 'a node that is behind')
  const second = meetEpoch(first, 5, 1_000)
  assert.deepEqual(second, CHANGES)
  assert.deepEqual(
    meetEpoch(second, 8, 1_000),
    [first[0], { epoch: 8, time: 1_000 }],
    'two changes without a fix between',
  )
})

test('of very many changes the old ones are settled up to a later one, and none is settled less', () => {
  let changes: readonly MetEpoch[] = meetEpoch(null, 0, null)
  for (let epoch = 1; epoch <= 200; epoch++) changes = meetEpoch(changes, epoch, epoch * 10)
  assert.ok(changes.length <= 32)
  assert.equal(settledUntil(changes, 0), NEVER)
  for (let epoch = 1; epoch <= 200; epoch++) assert.ok(settledUntil(changes, epoch) >= epoch * 10)
  assert.equal(settledUntil(changes, 200), 2_000)
})

test('what came of a fence is settled up to where the device met its change; of a deleted one all of it', () => {
  const around = surroundings(CHANGES)
  const isSettled = (fenceId: string, time: number) => isSettledEvent(around, { fenceId } as GeofenceEvent, time)
  assert.deepEqual([isSettled('old', 500), isSettled('old', 1_500)], [false, false])
  assert.deepEqual([isSettled('new', 1_000), isSettled('new', 1_001)], [true, false])
  assert.deepEqual([isSettled('gone', 500), isSettled('gone', 1_500)], [true, true])
  const decided = (kind: 'fence' | 'rule', subject: string) => isSettledDecision(around, { kind, subject }, 900)
  assert.deepEqual(
    [decided('fence', 'new'), decided('fence', 'old'), decided('rule', 'overspeed')],
    [true, false, false],
  )
})

test('changed rules settle what came of every fence too: groups decide which fences concern a device', () => {
  const around = surroundings(CHANGES, 5)
  const isSettled = (fenceId: string | undefined, time: number) =>
    isSettledEvent(around, { fenceId } as GeofenceEvent, time)
  assert.deepEqual([isSettled('old', 1_000), isSettled('old', 1_001)], [true, false])
  assert.deepEqual([isSettled(undefined, 1_000), isSettled(undefined, 1_001)], [true, false])
})

const state = (fences: object, rules?: object): DeviceState =>
  JSON.parse(JSON.stringify({ newest: { timestamp: 1_000, location: { lat: 1, lng: 2 } }, fences, rules }))

test('where a change was met, the changed fence goes on from what was known of it then, all else from the run', () => {
  const run = state({ old: { inside: true }, new: { inside: true }, gone: { inside: true } }, { idle: 1 })
  const known = state({ gone: { inside: true } }, { idle: 2 })
  assert.deepEqual(
    passChange(surroundings(CHANGES), run, known, 1_000),
    state({ old: { inside: true }, gone: { inside: true } }, { idle: 1 }),
  )
  assert.deepEqual(
    passChange(surroundings(CHANGES, 5), run, known, 1_000),
    state({ gone: { inside: true } }, { idle: 2 }),
  )
})

test('states are the same when they differ only in what is settled beyond them, or in the order of keys', () => {
  const around = surroundings(CHANGES)
  const same = (a: DeviceState, b: DeviceState, time: number) => leadToTheSame(around, a, b, time)
  assert.ok(same(state({ new: { inside: true } }), state({}), 999), 'new is settled until 1,000')
  assert.ok(!same(state({ new: { inside: true } }), state({}), 1_000))
  assert.ok(same(state({ gone: { inside: true } }), state({}), 2_000), 'nobody asks for a deleted fence')
  assert.ok(!same(state({ old: { inside: true } }), state({}), 500))
  const [a, b] = [
    { inside: true, since: 5 },
    { since: 5, inside: true },
  ]
  assert.ok(same(state({ old: a }), state({ old: b }), 500))
  assert.ok(!same(state({}, { idle: 1 }), state({}, { idle: 2 }), 500))
  assert.ok(
    leadToTheSame(surroundings(CHANGES, 5), state({}, { idle: 1 }), state({}, { idle: 2 }), 999),
    'rules are settled',
  )
})
