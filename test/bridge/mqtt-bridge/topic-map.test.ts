import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backOffMs } from '../../../bridge/mqtt-bridge/back-off.ts'
import { CameIn } from '../../../bridge/mqtt-bridge/came-in.ts'
import { OrderedAcks } from '../../../bridge/mqtt-bridge/ordered-acks.ts'
import type { TopicMap } from '../../../bridge/mqtt-bridge/settings.ts'
import { filtersMeet, patternOf, toLocal, toRemote } from '../../../bridge/mqtt-bridge/topic-map.ts'
import { matchesFilter } from '../../../contract/index.ts'

const map = (direction: 'in' | 'out', filter: string, localPrefix: string, remotePrefix: string): TopicMap => ({
  direction,
  filter,
  localPrefix,
  remotePrefix,
  qos: 1,
})

const OUT: readonly [what: string, maps: TopicMap[], topic: string, there: string | null][] = [
  ['the organisation is taken off', [map('out', 'devices/+/last', '', '')], 'demo/devices/x/last', 'devices/x/last'],
  ['prefixes give way', [map('out', '+/last', 'devices/', 'a/b/')], 'demo/devices/x/last', 'a/b/x/last'],
  [
    'the first that matches decides',
    [map('out', '#', '', 'a/'), map('out', '#', '', 'b/')],
    'demo/fences/f',
    'a/fences/f',
  ],
  ['another organisation does not pass', [map('out', '#', '', '')], 'other/devices/x/last', null],
  ['one whose name begins the same does not', [map('out', '#', '', '')], 'demo-2/devices/x/last', null],
  ['maps in do not take out', [map('in', '#', '', '')], 'demo/devices/x/last', null],
  ['what is not matched stays', [map('out', 'devices/+/last', '', '')], 'demo/devices/x/location', null],
]
for (const [what, topics, topic, there] of OUT) {
  test(`out: ${what}`, () => assert.equal(toRemote({ org: 'demo', topics }, topic)?.topic ?? null, there))
}

const IN: readonly [what: string, maps: TopicMap[], topic: string, here: string | null][] = [
  [
    'below the organisation, whatever it is called there',
    [map('in', '#', '', '')],
    'other/devices/x/sos',
    'demo/other/devices/x/sos',
  ],
  ['prefixes give way', [map('in', '+/location', 'devices/', 'yard/')], 'yard/x/location', 'demo/devices/x/location'],
  ['maps out do not take in', [map('out', '#', '', '')], 'x', null],
  ['what is not matched stays', [map('in', '+/location', 'devices/', 'yard/')], 'yard/x/sos', null],
]
for (const [what, topics, topic, here] of IN) {
  test(`in: ${what}`, () => assert.equal(toLocal({ org: 'demo', topics }, topic), here))
}

const level = fc.constantFrom('a', 'b', 'a.b', '(x)', '')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map(levels => levels.join('/'))
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))

test('the pattern of a filter matches what the filter matches', () => {
  fc.assert(
    fc.property(filter, topic, (filter, topic) => {
      assert.equal(new RegExp(patternOf(filter)).test(topic), matchesFilter(filter, topic), `${filter} ${topic}`)
    }),
    { numRuns: 2_000 },
  )
})

test('filters meet where a topic matches both', () => {
  fc.assert(
    fc.property(filter, filter, topic, (one, other, topic) => {
      if (matchesFilter(one, topic) && matchesFilter(other, topic))
        assert.ok(filtersMeet(one, other), `${one} ${other}`)
      assert.equal(filtersMeet(one, other), filtersMeet(other, one))
    }),
    { numRuns: 2_000 },
  )
  const APART = [
    ['a/b', 'a/c'],
    ['a/+', 'a'],
    ['a/+/c', 'a/b/d'],
    ['a/#', 'b/#'],
    ['a', 'a/b'],
  ] as const
  for (const [one, other] of APART) assert.equal(filtersMeet(one, other), false, `${one} ${other}`)
  for (const [one, other] of [
    ['a/#', 'a'],
    ['#', 'x/y'],
    ['+/b', 'a/+'],
  ] as const)
    assert.ok(filtersMeet(one, other))
})

test('pauses double up to the longest, each somewhere in its second half', () => {
  const pauses = (random: number) =>
    [0, 1, 2, 3, 7, 100].map(attempts => backOffMs(attempts, { longestPauseMs: 10_000, random: () => random }))
  assert.deepEqual(pauses(0), [500, 500, 1_000, 2_000, 5_000, 5_000])
  assert.deepEqual(pauses(1), [1_000, 1_000, 2_000, 4_000, 10_000, 10_000])
})

test('acknowledgements keep the order of the messages', () => {
  const sent: number[] = []
  const acks = new OrderedAcks(id => sent.push(id))
  const [first, second, third] = [7, 8, 9].map(id => acks.expect(id))
  second!()
  assert.deepEqual(sent, [])
  first!()
  assert.deepEqual(sent, [7, 8])
  assert.equal(acks.waiting, 1)
  third!()
  assert.deepEqual(sent, [7, 8, 9])
})

test('what came in is known once when it goes out: by its text, a position by its time', () => {
  const cameIn = new CameIn()
  const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))
  cameIn.add('demo/devices/x/status', '{"state":"online"}')
  cameIn.addFix('demo/devices/x/location', { timestamp: 5 })
  assert.equal(cameIn.has('status', 'demo/devices/x/status', bytes({ state: 'offline' })), false)
  assert.equal(cameIn.has('status', 'demo/devices/x/status', bytes({ state: 'online' })), true)
  assert.equal(cameIn.has('status', 'demo/devices/x/status', bytes({ state: 'online' })), false)
  assert.equal(cameIn.has('location', 'demo/devices/x/location', bytes({ deviceId: 'x', timestamp: 6 })), false)
  assert.equal(cameIn.has('location', 'demo/devices/x/location', bytes({ deviceId: 'x', timestamp: 5 })), true)
})
