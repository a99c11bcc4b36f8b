import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPlayback } from '../../web-client/dashboard/src/device/playback.ts'
import { afterSilence, indexAt, pointAt, stopsBetween, thinned } from '../../web-client/dashboard/src/device/track.ts'

const fix = (timestamp: number, lng: number) => ({ timestamp, location: { lat: 41, lng } })
const TRACK = [fix(0, 0), fix(1_000, 1), fix(2_000, 3), fix(602_000, 9)]

test('the newest fix at a moment is found at the ends, on a fix and between two', () => {
  const moments = [-1, 0, 999, 1_000, 601_999, 602_000, 9e9]
  assert.deepEqual(
    moments.map(moment => indexAt(TRACK, moment)),
    [-1, 0, 0, 1, 2, 3, 3],
  )
  assert.equal(indexAt([], 0), -1)
})

test('a playback draws on the line between two fixes, but claims no road across a silence', () => {
  const lngAt = (moment: number): number | undefined => pointAt(TRACK, moment)?.position[0]
  assert.equal(lngAt(-5), 0)
  assert.equal(lngAt(500), 0.5)
  assert.equal(lngAt(1_500), 2)
  assert.equal(lngAt(300_000), 3, 'where it was heard last')
  assert.equal(lngAt(602_000), 9)
  assert.equal(pointAt([], 0), null)
  assert.equal(afterSilence(TRACK, 2_500), 602_000)
  assert.equal(afterSilence(TRACK, 500), 500)
  assert.equal(afterSilence(TRACK, 700_000), 700_000)
})

test('between the trips lie the stops', () => {
  const trip = (from: number, to: number) => ({ start: fix(from, 1), end: fix(to, 2) })
  assert.deepEqual(stopsBetween([trip(0, 10), trip(40, 50), trip(90, 99)]), [
    { fromMs: 10, toMs: 40, location: { lat: 41, lng: 2 } },
    { fromMs: 50, toMs: 90, location: { lat: 41, lng: 2 } },
  ])
  assert.deepEqual(stopsBetween([]), [])
})

test('a thinned curve keeps its ends, its order, and every peak', () => {
  const samples = Array.from({ length: 10_000 }, (_, i) => ({
    timestamp: i,
    value: i === 4_321 ? 99 : Math.sin(i / 50),
  }))
  const kept = thinned(samples, 300)
  assert.ok(kept.length <= 600)
  assert.ok(kept.some(({ value }) => value === 99))
  assert.ok(kept.every((sample, i) => i === 0 || sample.timestamp > kept[i - 1]!.timestamp))
  assert.equal(thinned(samples.slice(0, 10), 300).length, 10)
})

test('a playback runs at its speed, steps over a silence, and stops at the end', () => {
  const playback = createPlayback()
  playback.setTrack(TRACK)
  playback.setSpeed(10)
  playback.advance(50)
  assert.equal(playback.store.get().timeMs, null, 'nothing moves before it is played')
  playback.play()
  playback.advance(50)
  assert.equal(playback.store.get().timeMs, 500)
  playback.seek(1_900)
  playback.advance(20)
  assert.equal(playback.store.get().timeMs, 602_000, 'the silence is stepped over')
  assert.equal(playback.store.get().playing, false)
  playback.play()
  assert.equal(playback.store.get().timeMs, 0, 'from the end it begins anew')
})
