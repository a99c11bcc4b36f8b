import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GrantedDevices } from '../../../bridge/auth/granted-devices.ts'
import { GroupMembers } from '../../../bridge/auth/group-members.ts'
import { NumberedChanges } from '../../../bridge/auth/numbered-changes.ts'

test('granted devices are the union of their parts, each device once', () => {
  const devices = new GrantedDevices([new Set(['a', 'b']), new Set(['b', 'c']), new Set(['c', 'a'])])
  assert.deepEqual([...devices], ['a', 'b', 'c'])
  assert.equal(devices.size, 3)
  assert.deepEqual([...devices.keys()], ['a', 'b', 'c'])
  assert.deepEqual([...devices.entries()].at(-1), ['c', 'c'])
  const visited: string[] = []
  devices.forEach((value, key, all) => {
    visited.push(`${value}${key}${all.has(value)}`)
  })
  assert.deepEqual(visited, ['aatrue', 'bbtrue', 'cctrue'])
  assert.equal(devices.has('c'), true)
  assert.equal(devices.has('d'), false)
})

test('a device is in the groups that were put last, and a group that was given out stays as it was', () => {
  const groups = new GroupMembers()
  groups.put([
    ['van-1', ['vans', 'north']],
    ['van-2', ['vans']],
  ])
  const before = groups.members('vans')
  groups.put([['van-1', ['north']]])
  assert.deepEqual([...before], ['van-1', 'van-2'])
  assert.deepEqual([...groups.members('vans')], ['van-2'])
  assert.deepEqual([...groups.members('north')], ['van-1'])
  groups.put([['van-1', []]])
  assert.equal(groups.members('north').size, 0)
  assert.equal(groups.members('never named').size, 0)
})

type Step = readonly [name: string, atSecond: number, read: number[], fresh: number[], settled: number]
const TIMELINES: readonly (readonly [name: string, steps: readonly Step[]])[] = [
  [
    'numbers in order are settled at once',
    [
      ['two', 0, [11, 12], [11, 12], 12],
      ['one more', 1, [13], [13], 13],
    ],
  ],
  [
    'a number that turns up below one that was read is new',
    [
      ['with a gap', 0, [12, 13], [12, 13], 10],
      ['read again, nothing new', 1, [12, 13], [], 10],
      ['the missing one', 2, [11, 12, 13], [11], 13],
    ],
  ],
  [
    'a gap is waited for five minutes, from when it could first be seen',
    [
      ['with a gap', 0, [12], [12], 10],
      ['another gap later', 200, [12, 14], [14], 10],
      ['the first one is given up', 300, [12, 14], [], 12],
      ['the second one still counts', 400, [13, 14], [13], 14],
    ],
  ],
]
for (const [name, steps] of TIMELINES) {
  test(name, () => {
    const changes = new NumberedChanges(10)
    for (const [step, second, read, expected, settled] of steps) {
      const fresh = read.filter(seq => changes.isNew(seq))
      assert.deepEqual(fresh, expected, step)
      changes.take(fresh, second * 1_000)
      assert.equal(changes.settled, settled, step)
    }
  })
}
