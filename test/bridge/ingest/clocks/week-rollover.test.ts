import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  maybeRollover,
  ROLLOVER_MS,
  type RolloverContext,
  rolloverRepair,
} from '../../../../bridge/ingest/clocks/week-rollover.ts'
import { readTraceTimes } from '../../../support/traces.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOW = Date.UTC(2026, 10, 20, 12)
const ERA = ROLLOVER_MS

const CASES: readonly [sentence: string, time: number, context: Partial<RolloverContext>, repaired: number | null][] = [
  ['a live fix one era back, of a device that was here', NOW - ERA, { newestMs: NOW - MINUTE }, NOW],
  ['two eras back', NOW - 2 * ERA, { newestMs: NOW - MINUTE }, NOW],
  ['one era ahead', NOW + ERA, { newestMs: NOW - MINUTE }, NOW],
  ['two eras ahead', NOW + 2 * ERA, { newestMs: NOW - MINUTE }, NOW],
  ['parked for a week, back with a lost week count', NOW - ERA - MINUTE, { newestMs: NOW - 7 * DAY }, NOW - MINUTE],
  ['the first word of a device, live', NOW - ERA - MINUTE, {}, NOW - MINUTE],
  ['the first word of a device, not so live: history', NOW - ERA - HOUR, {}, null],
  ['the first word of a device, in a batch: history', NOW - ERA - MINUTE, { alone: false }, null],
  ['buffered, and close to the device’s own time', NOW - 4 * DAY - ERA, { newestMs: NOW - 4.5 * DAY }, NOW - 4 * DAY],
  ['history of 2007 that only nearly fits', NOW - 2 * DAY - ERA, { newestMs: NOW - 5 * DAY }, null],
  [
    'silent for weeks, of a device whose last fix had lost it too',
    NOW - 2 * DAY - ERA,
    { newestMs: NOW - 25 * DAY, newestMovedBy: ERA },
    NOW - 2 * DAY,
  ],
  ['history of a month before', NOW - 30 * DAY - ERA, { newestMs: NOW }, null],
  ['an era back from the future', NOW + HOUR - ERA, { newestMs: NOW }, null],
  ['history of a device whose time is history', NOW - ERA, { newestMs: NOW - ERA - DAY }, null],
  ['years-old history of a live device', Date.UTC(2011, 3, 15), { newestMs: NOW }, null],
  ['hours ahead: a clock, not a week count', NOW + 8 * HOUR, { newestMs: NOW }, null],
  ['years ahead, but no era', NOW + 3 * 365 * DAY, { newestMs: NOW }, null],
  [
    'an old device’s time one era ahead, sent years later',
    Date.UTC(2011, 3, 15) + ERA,
    { newestMs: Date.UTC(2011, 3, 15) },
    Date.UTC(2011, 3, 15),
  ],
  [
    'before trackers, close to the device’s own old time',
    Date.UTC(2011, 3, 15) - ERA,
    { newestMs: Date.UTC(2011, 3, 1) },
    Date.UTC(2011, 3, 15),
  ],
  ['before trackers, close to nothing', Date.UTC(1991, 3, 15), { newestMs: NOW }, null],
]

for (const [sentence, time, context, repaired] of CASES) {
  test(`week count: ${sentence}${repaired === null ? ' stays' : ' is repaired'}`, () => {
    const whole = { arrivedMs: NOW, newestMs: null, newestMovedBy: null, alone: true, ...context }
    assert.equal(rolloverRepair(time, whole), repaired)
    assert.ok(repaired === null || maybeRollover(time, NOW), 'what is repaired was a suspect')
  })
}

const data = process.env.TRACKWIRE_TEST_DATA
const skip = data === undefined && 'TRACKWIRE_TEST_DATA does not say where the real traces are'

test('no real trace is touched: today or live, in order, backwards, interleaved, one by one or in batches', {
  skip,
}, () => {
  let fixes = 0
  for (const times of readTraceTimes(data!).values()) {
    const orders = [
      times,
      [...times].reverse(),
      [...times.filter((_, i) => i % 2 === 0), ...times.filter((_, i) => i % 2 === 1)],
    ]
    for (const order of orders) {
      for (const alone of [true, false]) {
        for (const arrival of [() => NOW, () => times.at(-1)! + MINUTE]) {
          let newestMs: number | null = null
          for (const time of order) {
            assert.equal(rolloverRepair(time, { arrivedMs: arrival(), newestMs, newestMovedBy: null, alone }), null)
            newestMs = Math.max(newestMs ?? time, time)
            fixes++
          }
        }
      }
    }
  }
  assert.ok(fixes > 100_000)
})

test('receivers that lost their week count in April 2019 are put right', { skip }, () => {
  const folder = join(data!, 'nmea')
  const recordings = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    file: string
    rollover: boolean
  }[]
  let repaired = 0
  for (const { file } of recordings.filter(({ rollover }) => rollover)) {
    const times = readFileSync(join(folder, file.replace(/nmea$/, 'fixes.jsonl')), 'utf8')
      .split('\n')
      .filter(line => line.includes('"time"'))
      .map(line => Date.parse((JSON.parse(line) as { time: string }).time))
    for (const time of times.filter(time => time < Date.UTC(2000, 0, 1))) {
      const truth = time + ERA
      assert.equal(
        rolloverRepair(time, { arrivedMs: truth + 900, newestMs: truth - DAY, newestMovedBy: null, alone: true }),
        truth,
      )
      repaired++
    }
  }
  assert.ok(repaired > 0)
})
