import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AlarmMemory, disproves, expireAlarm, raiseAlarm, settleAlarm } from '../../geofence-engine/index.ts'

const QUIET_MS = 300
type Said = readonly ['raise' | 'settle', at: number]

function run(said: readonly Said[]): { memory: AlarmMemory; told: string[] } {
  let memory: AlarmMemory = { open: null, past: [] }
  const told: string[] = []
  for (const [what, at] of said) {
    const step = what === 'raise' ? raiseAlarm(memory, at, QUIET_MS) : settleAlarm(memory, at)
    memory = step.memory
    for (const { phase, at, late, inferred } of step.notices) {
      told.push(`${phase} ${at}${late ? ' late' : ''}${inferred ? ' inferred' : ''}`)
    }
  }
  return { memory, told }
}

const CASES: readonly (readonly [string, readonly Said[], readonly string[]])[] = [
  ['one press is one begin', [['raise', 1_000]], ['begin 1000']],
  [
    'raised again and again it begins once',
    [
      ['raise', 1_000],
      ['raise', 1_200],
      ['raise', 1_400],
    ],
    ['begin 1000'],
  ],
  [
    'the same message again changes nothing',
    [
      ['raise', 1_000],
      ['raise', 1_000],
    ],
    ['begin 1000'],
  ],
  [
    'it ends when the device says so',
    [
      ['raise', 1_000],
      ['settle', 1_100],
    ],
    ['begin 1000', 'end 1100'],
  ],
  [
    'an older message does not end it',
    [
      ['raise', 1_000],
      ['settle', 900],
    ],
    ['begin 1000'],
  ],
  [
    'after the quiet time it is another one',
    [
      ['raise', 1_000],
      ['raise', 2_000],
    ],
    ['begin 1000', 'end 1300 inferred', 'begin 2000'],
  ],
  [
    'what is sent again after the end is of the one that is over',
    [
      ['raise', 1_000],
      ['settle', 1_100],
      ['raise', 1_000],
      ['raise', 1_050],
    ],
    ['begin 1000', 'end 1100'],
  ],
  [
    'raised soon after the end it begins anew',
    [
      ['raise', 1_000],
      ['settle', 1_100],
      ['raise', 1_150],
    ],
    ['begin 1000', 'end 1100', 'begin 1150'],
  ],
  [
    'one from before, told late, began and ended then, once',
    [
      ['raise', 5_000],
      ['raise', 1_000],
      ['raise', 1_000],
      ['raise', 5_100],
    ],
    ['begin 5000', 'begin 1000 late', 'end 1000 late'],
  ],
]

for (const [title, said, told] of CASES) {
  test(`an alarm of a device: ${title}`, () => {
    assert.deepEqual(run(said).told, told)
  })
}

test('what is not raised again for the quiet time is over then', () => {
  const { memory } = run([
    ['raise', 1_000],
    ['raise', 1_100],
  ])
  const { notices } = expireAlarm(memory, QUIET_MS)
  assert.deepEqual(notices, [{ phase: 'end', since: 1_000, at: 1_400, inferred: true }])
})

test('the vocabulary of a device ends a power cut and a low battery, unless the same message raises them', () => {
  assert.ok(disproves('power-cut', ['power-restored'], {}))
  assert.ok(disproves('power-cut', [], { externalPower: true }))
  assert.ok(disproves('low-battery', [], { charging: true }))
  assert.ok(!disproves('power-cut', ['power-cut'], { externalPower: true }))
  assert.ok(!disproves('overspeed', [], { charging: true, externalPower: true }))
})

test('begins and ends take turns, memory is bounded, and hearing all of it again tells nothing new', () => {
  const said = fc.array(
    fc.tuple(
      fc.constantFrom('raise' as const, 'raise' as const, 'settle' as const),
      fc.integer({ min: 0, max: 5_000 }),
    ),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(said, unordered => {
      const list = [...unordered].sort((a, b) => a[1] - b[1])
      const { memory, told } = run(list)
      const phases = told.map(text => text.split(' ')[0])
      assert.deepEqual(
        phases,
        phases.map((_, i) => (i % 2 === 0 ? 'begin' : 'end')),
      )
      assert.ok(memory.past.length <= 16)
      let again = memory
      for (const [what, at] of list.filter(([what]) => what === 'raise').slice(-3)) {
        const step = raiseAlarm(again, at, QUIET_MS)
        again = step.memory
        assert.deepEqual(step.notices, [], `${what} ${at}`)
      }
    }),
  )
})
