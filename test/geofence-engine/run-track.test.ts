import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type EngineEvent,
  engineFix,
  FenceIndex,
  inOrder,
  runTrack,
  TrackRun,
  unchanging,
} from '../../geofence-engine/index.ts'
import { SQUARE, walkCrossings, walkFix } from '../support/square-walk.ts'

const START = 1_700_000_000_000
const WALK = Array.from({ length: 60 }, (_, n) => engineFix(walkFix(n, START)))

function surroundings() {
  const fences = new FenceIndex()
  fences.put(SQUARE)
  return unchanging({ org: 'demo', deviceId: 'd', groups: [] }, fences)
}

function eventsOf(fixes: readonly (typeof WALK)[number][]): EngineEvent[] {
  const events: EngineEvent[] = []
  runTrack(surroundings(), fixes, { onEvent: event => void events.push(event) })
  return events
}

const short = ({ event, timestamp }: EngineEvent) => `${event}@${timestamp}`

test('a track in order gives its crossings', () => {
  assert.deepEqual(eventsOf(WALK).map(short), walkCrossings(60, START))
})

test('any order and any repetition of a track gives what the track in order gives', () => {
  const wanted = eventsOf(WALK)
  const disorder = fc.tuple(fc.shuffledSubarray(WALK, { minLength: WALK.length }), fc.subarray(WALK))
  fc.assert(
    fc.property(disorder, ([shuffled, repeats]) => {
      const seen: EngineEvent[] = []
      const { repeated } = runTrack(surroundings(), [...shuffled, ...repeats], {
        onEvent: event => void seen.push(event),
      })
      assert.deepEqual(seen, wanted)
      assert.equal(repeated, repeats.length)
    }),
    { numRuns: 50, seed: 7 },
  )
})

test('of several fixes of one time the first that was given is the fix', () => {
  const [first] = WALK
  const elsewhere = { ...first!, location: { lat: 0.01, lng: 0.01 } }
  assert.deepEqual(inOrder([WALK[1]!, first!, elsewhere]), [first, WALK[1]])
  assert.deepEqual(inOrder([WALK[1]!, elsewhere, first!]), [elsewhere, WALK[1]])
})

test('a run that is paused and goes on from its state gives what one run gives', () => {
  const events: EngineEvent[] = []
  const listener = { onEvent: (event: EngineEvent) => void events.push(event) }
  const before = new TrackRun(surroundings(), listener)
  for (const fix of WALK.slice(0, 25)) assert.equal(before.take(fix), true)
  const after = new TrackRun(surroundings(), listener, JSON.parse(JSON.stringify(before.state)))
  assert.equal(after.take(WALK[24]!), false, 'the last one again changes nothing')
  for (const fix of WALK.slice(25)) after.take(fix)
  assert.deepEqual(events, eventsOf(WALK))
})
