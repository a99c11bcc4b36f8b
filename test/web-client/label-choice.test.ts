import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseLabels, LABELS_SHOWN, type LabelWish } from '../../web-client/dashboard/src/map/label-choice.ts'

const SCREEN = { width: 1_000, height: 800 }
const NONE: ReadonlySet<string> = new Set()
const wish = (id: string, x: number, y: number, more: Partial<LabelWish> = {}): LabelWish => ({
  id,
  x,
  y,
  width: 80,
  priority: 0,
  always: false,
  ...more,
})

const cases: [string, LabelWish[], ReadonlySet<string>, string[]][] = [
  ['names far apart are all written', [wish('a', 100, 100), wish('b', 400, 100)], NONE, ['a', 'b']],
  ['of two that would touch the first by name is written', [wish('b', 130, 100), wish('a', 100, 100)], NONE, ['a']],
  ['the more important one wins', [wish('a', 100, 100), wish('b', 130, 100, { priority: 1 })], NONE, ['b']],
  ['what was written stays among equals', [wish('a', 100, 100), wish('b', 130, 100)], new Set(['b']), ['b']],
  ['no name lies over the marker of another device', [wish('a', 100, 100), wish('b', 110, 124)], NONE, ['b']],
  [
    'an SOS is written whatever it covers, and nothing over it',
    [wish('a', 100, 100, { priority: 2 }), wish('sos', 110, 100, { always: true, priority: 3 })],
    NONE,
    ['sos'],
  ],
  ['what is off the screen has no name', [wish('a', -5, 100), wish('b', 100, 900)], NONE, []],
  [
    'boxes in different cells of the search still meet',
    [wish('a', 64, 40, { priority: 1 }), wish('b', 130, 58)],
    NONE,
    ['a'],
  ],
]
for (const [name, wishes, before, expected] of cases) {
  test(name, () => assert.deepEqual([...chooseLabels(wishes, SCREEN, before)].sort(), expected))
}

test('there is an end to names', () => {
  const wishes = Array.from({ length: 300 }, (_, i) =>
    wish(`d${i}`, 5 + (i % 20) * 20, 5 + Math.floor(i / 20) * 50, { width: 4 }),
  )
  assert.equal(chooseLabels(wishes, SCREEN, NONE).size, LABELS_SHOWN)
})
