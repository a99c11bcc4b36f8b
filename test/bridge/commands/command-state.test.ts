import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HAPPENINGS, type Happening, hasEnded, nextState } from '../../../bridge/commands/command-state.ts'
import { COMMAND_STATES, type CommandState } from '../../../contract/index.ts'

const _ = null
type Outcomes = readonly (CommandState | null)[]

/** What becomes of a command that was handed to a connection before, in the order of HAPPENINGS. */
const COLUMNS: readonly Happening[] = [
  'confirmed',
  'sent',
  'returned',
  'delivered',
  'executed',
  'failed',
  'refused',
  'expired',
  'cancelled',
]
const TABLE: Readonly<Record<CommandState, Outcomes>> = {
  'awaiting-confirmation': ['queued', _, _, _, _, _, _, 'expired', 'cancelled'],
  queued: [_, 'sent', _, 'delivered', 'executed', 'failed', 'failed', 'expired', 'cancelled'],
  sent: [_, _, 'queued', 'delivered', 'executed', 'failed', _, 'expired', _],
  delivered: [_, _, _, _, 'executed', 'failed', _, _, _],
  executed: [_, _, _, _, _, _, _, _, _],
  failed: [_, _, _, _, _, _, _, _, _],
  expired: [_, _, _, _, _, _, _, _, _],
  cancelled: [_, _, _, _, _, _, _, _, _],
}

test('the table has every state and every happening', () => {
  assert.deepEqual(COLUMNS, HAPPENINGS)
  assert.deepEqual(Object.keys(TABLE), [...COMMAND_STATES])
})

for (const state of COMMAND_STATES) {
  for (const [i, happening] of COLUMNS.entries()) {
    const expected = TABLE[state][i]!
    test(`${state}, ${happening}: ${expected ?? 'nothing changes'}`, () => {
      assert.equal(nextState({ state, attempts: 1 }, happening), expected)
    })
  }
}

for (const happening of ['delivered', 'executed', 'failed'] as const) {
  test(`a command that was never sent is not ${happening}, whatever a device says`, () => {
    for (const state of COMMAND_STATES) assert.equal(nextState({ state, attempts: 0 }, happening), null, state)
  })
}

test('what has ended stays so', () => {
  assert.deepEqual(COMMAND_STATES.filter(hasEnded), ['executed', 'failed', 'expired', 'cancelled'])
})
