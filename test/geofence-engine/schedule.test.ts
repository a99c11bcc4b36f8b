import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FenceSchedule } from '../../contract/index.ts'
import { Schedule } from '../../geofence-engine/rules/schedule.ts'
import { testTimelines } from '../support/fence-timeline.ts'

const DAY = 86_400
const H = 3_600
/** 1970-01-01, where the timelines begin, is a Thursday. */
const office: FenceSchedule = { from: '08:00', to: '17:00' }

testTimelines([
  {
    name: 'out of schedule nothing is told; when it begins, who is inside enters',
    properties: { schedule: office },
    steps: [
      [7 * H, 500, 5],
      [7.5 * H, 500, 5],
      { clock: 7.9 * H, events: [], next: [null, 8 * H] },
      { clock: 8 * H, events: [`enter ${8 * H} scheduled`], next: [null, DAY + 8 * H] },
      [9 * H, 500, 5, `enter ${8 * H} scheduled`],
      [10 * H, 2_000, 5, `exit ${10 * H}`],
      [11 * H, 500, 5, `enter ${11 * H}`],
      [18 * H, 2_000, 5],
      [19 * H, 500, 5],
      [20 * H, 2_000, 5],
      { clock: DAY + 9 * H, events: [], next: [null, null] },
    ],
    reasons: [
      'out_of_schedule',
      'schedule_began',
      'crossed',
      'crossed',
      'out_of_schedule',
      'out_of_schedule',
      'out_of_schedule',
    ],
  },
  {
    name: 'expect inside: who is inside is silent, who is not exits',
    properties: { schedule: { ...office, expect: 'inside' } },
    steps: [
      [7 * H, 500, 5],
      [9 * H, 500, 5],
      [10 * H, 2_000, 5, `exit ${10 * H}`],
      { clock: DAY, events: [], next: [null, DAY + 8 * H] },
      { clock: DAY + 9 * H, events: [`exit ${DAY + 8 * H} scheduled`], next: [null, 2 * DAY + 8 * H] },
      [DAY + 9 * H, 500, 5, `exit ${DAY + 8 * H} scheduled`, `enter ${DAY + 9 * H}`],
    ],
  },
  {
    name: 'expect inside: a device that never was there exits too',
    properties: { schedule: { ...office, expect: 'inside' } },
    steps: [
      [7 * H, 2_000, 5],
      [9 * H, 2_000, 5, `exit ${8 * H} scheduled`],
    ],
  },
  {
    name: 'expect outside: who is inside enters',
    properties: { schedule: { ...office, expect: 'outside' } },
    steps: [
      [7 * H, 500, 5],
      [9 * H, 500, 5, `enter ${8 * H} scheduled`],
    ],
    reasons: ['out_of_schedule', 'schedule_expected'],
  },
  {
    name: 'only for a week is a position believed when schedules begin',
    properties: { schedule: { days: [5], from: '08:00', to: '09:00' } },
    steps: [
      [DAY + 7 * H, 500, 5],
      { clock: 100 * DAY, events: [`enter ${DAY + 8 * H} scheduled`], next: [null, null] },
      [100 * DAY, 500, 5, `enter ${DAY + 8 * H} scheduled`],
    ],
  },
  {
    name: 'a stay ends with the schedule: what was due before is told, nothing after',
    properties: { schedule: office, dwellSeconds: 2 * H, repeatSeconds: 2 * H },
    steps: [
      [12.5 * H, 500, 5, `enter ${12.5 * H} initial`],
      {
        clock: 20 * H,
        events: [`dwell ${14.5 * H} inferred 7200s`, `dwell ${16.5 * H} inferred repeat-1 14400s`],
        next: [null, DAY + 8 * H],
      },
      [20 * H, 500, 5, `dwell ${14.5 * H} inferred 7200s`, `dwell ${16.5 * H} inferred repeat-1 14400s`],
      { clock: 23 * H, events: [], next: [null, DAY + 8 * H] },
    ],
  },
  {
    name: 'a stay begins with the schedule, also where being inside is what is expected',
    properties: { schedule: { ...office, expect: 'inside' }, dwellSeconds: H },
    steps: [
      [7 * H, 500, 5],
      { clock: 8.5 * H, events: [], next: [9 * H, DAY + 8 * H] },
      { clock: 9 * H, events: [`dwell ${9 * H} inferred 3600s`], next: [null, DAY + 8 * H] },
      [9.5 * H, 500, 5, `dwell ${9.5 * H} 5400s`],
    ],
  },
  {
    name: 'a schedule that began before the newest fix was received is due in event time, later ones by the clock',
    properties: { schedule: { ...office, expect: 'inside' } },
    steps: [
      [10 * H, 2_000, 5],
      { clock: 3 * DAY, eventNow: 10 * H, heardAt: 3 * DAY, events: [], next: [DAY + 8 * H, 3 * DAY + 8 * H] },
      {
        clock: 3 * DAY + 8 * H,
        eventNow: 18 * H,
        heardAt: 3 * DAY,
        events: [`exit ${3 * DAY + 8 * H} scheduled`],
        next: [DAY + 8 * H, 4 * DAY + 8 * H],
      },
      {
        clock: 3 * DAY + 22 * H,
        eventNow: DAY + 8 * H,
        heardAt: 3 * DAY,
        events: [`exit ${DAY + 8 * H} scheduled`, `exit ${3 * DAY + 8 * H} scheduled`],
        next: [2 * DAY + 8 * H, 4 * DAY + 8 * H],
      },
      { clock: 3_650 * DAY, eventNow: 10 * H, heardAt: 3_650 * DAY, events: [], next: [DAY + 8 * H, null] },
    ],
  },
  {
    name: 'a stay of which event time has not seen the end goes on beside the one that begins by the clock',
    properties: { schedule: office, dwellSeconds: H / 2 },
    steps: [
      [16 * H, 500, 5, `enter ${16 * H} initial`],
      {
        clock: DAY + 8 * H,
        eventNow: 16.2 * H,
        events: [`enter ${DAY + 8 * H} scheduled`],
        next: [16.5 * H, 2 * DAY + 8 * H],
      },
      {
        clock: DAY + 8 * H,
        eventNow: 16.5 * H,
        events: [`dwell ${16.5 * H} inferred 1800s`, `enter ${DAY + 8 * H} scheduled`],
        next: [DAY + 8.5 * H, 2 * DAY + 8 * H],
      },
    ],
  },
  {
    name: 'a crossing that is not confirmed when the schedule begins has to begin anew',
    properties: { schedule: office, minFixes: 2 },
    steps: [
      [7 * H, 2_000, 5],
      [8 * H - 10, 500, 5],
      [8 * H + 10, 500, 5],
      [8 * H + 20, 500, 5, `enter ${8 * H + 10}`],
    ],
  },
])

const periods: {
  name: string
  schedule: FenceSchedule
  after: string
  until: string
  begins: string[]
  ends: string[]
}[] = [
  {
    name: 'working days in UTC',
    schedule: { days: [1, 2, 3, 4, 5], from: '08:00', to: '17:00' },
    after: '2024-05-31T00:00Z',
    until: '2024-06-04T00:00Z',
    begins: ['2024-05-31T08:00Z', '2024-06-03T08:00Z'],
    ends: ['2024-05-31T17:00Z', '2024-06-03T17:00Z'],
  },
  {
    name: 'over midnight it belongs to the day it begins',
    schedule: { days: [5], from: '22:00', to: '06:00', timeZone: 'Europe/Berlin' },
    after: '2024-06-01T12:00Z',
    until: '2024-06-09T00:00Z',
    begins: ['2024-06-07T20:00Z'],
    ends: ['2024-06-08T04:00Z'],
  },
  {
    name: 'days that follow each other are one period',
    schedule: { days: [6, 7], timeZone: 'America/New_York' },
    after: '2024-06-03T12:00Z',
    until: '2024-06-17T00:00Z',
    begins: ['2024-06-08T04:00Z', '2024-06-15T04:00Z'],
    ends: ['2024-06-10T04:00Z', '2024-06-17T04:00Z'],
  },
  {
    name: 'every day from eight to eight never begins and never ends',
    schedule: { from: '08:00', to: '08:00', timeZone: 'Europe/Berlin' },
    after: '2024-06-03T12:00Z',
    until: '2024-08-17T00:00Z',
    begins: [],
    ends: [],
  },
  {
    name: 'Berlin, spring: 02:30 is skipped, the period begins when the clock moves',
    schedule: { from: '02:30', to: '05:00', timeZone: 'Europe/Berlin' },
    after: '2024-03-29T12:00Z',
    until: '2024-04-01T12:00Z',
    begins: ['2024-03-30T01:30Z', '2024-03-31T01:00Z', '2024-04-01T00:30Z'],
    ends: ['2024-03-30T04:00Z', '2024-03-31T03:00Z', '2024-04-01T03:00Z'],
  },
  {
    name: 'Berlin, spring: a period that is skipped altogether does not happen',
    schedule: { from: '02:10', to: '02:50', timeZone: 'Europe/Berlin' },
    after: '2024-03-29T12:00Z',
    until: '2024-04-01T12:00Z',
    begins: ['2024-03-30T01:10Z', '2024-04-01T00:10Z'],
    ends: ['2024-03-30T01:50Z', '2024-04-01T00:50Z'],
  },
  {
    name: 'Berlin, autumn: 02:30 comes twice, it begins with the first and ends with the second',
    schedule: { from: '02:15', to: '02:30', timeZone: 'Europe/Berlin' },
    after: '2024-10-26T12:00Z',
    until: '2024-10-28T12:00Z',
    begins: ['2024-10-27T00:15Z', '2024-10-28T01:15Z'],
    ends: ['2024-10-27T01:30Z', '2024-10-28T01:30Z'],
  },
  {
    name: 'New York, both changes of 2024: eight in the morning is eight in the morning',
    schedule: { days: [7], from: '08:00', to: '09:00', timeZone: 'America/New_York' },
    after: '2024-03-03T00:00Z',
    until: '2024-03-11T00:00Z',
    begins: ['2024-03-03T13:00Z', '2024-03-10T12:00Z'],
    ends: ['2024-03-03T14:00Z', '2024-03-10T13:00Z'],
  },
  {
    name: 'Lord Howe, autumn: the clock goes back by half an hour',
    schedule: { from: '01:45', to: '03:00', timeZone: 'Australia/Lord_Howe' },
    after: '2024-04-05T00:00Z',
    until: '2024-04-08T00:00Z',
    // Until 6 April 15:00Z the zone is +11, then +10:30: 01:45 comes at 14:45Z and again at 15:15Z.
    begins: ['2024-04-05T14:45Z', '2024-04-06T14:45Z', '2024-04-07T15:15Z'],
    ends: ['2024-04-05T16:00Z', '2024-04-06T16:30Z', '2024-04-07T16:30Z'],
  },
  {
    name: 'Lord Howe, spring: 02:15 is skipped',
    schedule: { from: '02:15', to: '03:00', timeZone: 'Australia/Lord_Howe' },
    after: '2024-10-04T18:00Z',
    until: '2024-10-06T18:00Z',
    begins: ['2024-10-05T15:30Z', '2024-10-06T15:15Z'],
    ends: ['2024-10-05T16:00Z', '2024-10-06T16:00Z'],
  },
  {
    name: 'Cairo: midnight itself is skipped, the day begins at one',
    schedule: { days: [5], timeZone: 'Africa/Cairo' },
    after: '2024-04-20T00:00Z',
    until: '2024-04-28T00:00Z',
    begins: ['2024-04-25T22:00Z'],
    ends: ['2024-04-26T21:00Z'],
  },
]

for (const { name, schedule: settings, after, until, begins, ends } of periods) {
  test(name, () => {
    const schedule = new Schedule(settings)
    const ms = (text: string) => Date.parse(text)
    const iso = (time: number) => new Date(time).toISOString().replace(':00.000', '')
    const found = schedule.beginsBetween(ms(after), ms(until))
    assert.deepEqual(found.map(iso), begins)
    assert.deepEqual(
      found.map(begin => iso(schedule.endOf(begin))),
      ends,
    )
    for (const begin of found) {
      assert.equal(schedule.activeAt(begin), true)
      assert.equal(schedule.activeAt(begin - 1), false)
      assert.equal(schedule.activeAt(schedule.endOf(begin)), false)
      assert.equal(schedule.nextBegin(begin - 1), begin)
    }
  })
}

test('what is said of a moment does not depend on what was asked before', () => {
  const settings: FenceSchedule = { days: [1, 3, 6, 7], from: '22:30', to: '02:30', timeZone: 'Europe/Berlin' }
  const shared = new Schedule(settings)
  const begin = Date.parse('2024-10-20T00:00Z')
  for (let i = 0; i < 600; i++) {
    const time = begin + ((i * 7_919) % 1_440) * 1_200_000
    assert.deepEqual(shared.stretchAt(time), new Schedule(settings).stretchAt(time))
  }
})
