import type { FenceSchedule } from '../../contract/index.ts'
import { instantsOf, localDay } from './local-time.ts'

/** A stretch of time in which a schedule is in force, or in which it is not; ends of ±Infinity: it never changes there. */
export interface Stretch {
  readonly from: number
  readonly until: number
  readonly active: boolean
}

const DAY_MS = 86_400_000
const DAY_MINUTES = 1_440
/** Days that are searched for the next or the last period: one week has them all, two if clock changes swallowed some. */
const SEARCHED_DAYS = 15
/** Periods that follow each other without a gap for so many days never end. */
const ENDLESS_DAYS = 8
const KEPT_PERIODS = 256
const KEPT_SCHEDULES = 1_000

/** When a fence is in force, worked out once and remembered; asking again about the same day costs next to nothing. */
export class Schedule {
  readonly expect: FenceSchedule['expect']
  readonly #days: ReadonlySet<number>
  readonly #timeZone: string
  readonly #fromMinute: number
  readonly #toMinute: number
  readonly #periods = new Map<number, readonly [begin: number, end: number] | null>()
  #latest: Stretch = { from: 0, until: 0, active: false }

  constructor({ days = [1, 2, 3, 4, 5, 6, 7], from, to, timeZone = 'UTC', expect }: FenceSchedule) {
    this.expect = expect
    this.#days = new Set(days)
    this.#timeZone = timeZone
    this.#fromMinute = from === undefined ? 0 : minuteOf(from)
    const end = to === undefined ? DAY_MINUTES : minuteOf(to)
    // Not later than it begins: the period runs over midnight, and a whole day when both are the same.
    this.#toMinute = end > this.#fromMinute ? end : end + DAY_MINUTES
  }

  activeAt(time: number): boolean {
    return this.stretchAt(time).active
  }

  /** When the period that holds this time ends, exclusive; the time itself when no period holds it. */
  endOf(time: number): number {
    const { active, until } = this.stretchAt(time)
    return active ? until : time
  }

  /** The moments after `after` and up to `until` at which a period begins. A period that follows without a gap is the same one. */
  beginsBetween(after: number, until: number): number[] {
    const begins: number[] = []
    let stretch = this.stretchAt(after)
    while (stretch.until <= until) {
      stretch = this.stretchAt(stretch.until)
      if (stretch.active) begins.push(stretch.from)
    }
    return begins
  }

  /** The first moment after `after` at which a period begins; Infinity: never. */
  nextBegin(after: number): number {
    const stretch = this.stretchAt(after)
    return stretch.active && stretch.until < Number.POSITIVE_INFINITY
      ? this.stretchAt(stretch.until).until
      : stretch.until
  }

  stretchAt(time: number): Stretch {
    const { from, until } = this.#latest
    if (time < from || time >= until) this.#latest = this.#find(time)
    return this.#latest
  }

  #find(time: number): Stretch {
    const today = localDay(time, this.#timeZone)
    let before = Number.NEGATIVE_INFINITY
    for (let day = today - SEARCHED_DAYS; day <= today + SEARCHED_DAYS; day++) {
      const period = this.#period(day)
      if (period === null) continue
      const [from] = period
      let [, until] = period
      let last = day
      for (let next = this.#period(last + 1); next !== null && next[0] <= until; next = this.#period(last + 1)) {
        until = next[1]
        last += 1
        if (last - day >= ENDLESS_DAYS) {
          return { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, active: true }
        }
      }
      if (time < from) return { from: before, until: from, active: false }
      if (time < until) return { from, until, active: true }
      before = until
      day = last
    }
    return { from: before, until: Number.POSITIVE_INFINITY, active: false }
  }

  /** The period that begins on a day; null: none does. A clock change may swallow it. */
  #period(day: number): readonly [begin: number, end: number] | null {
    let period = this.#periods.get(day)
    if (period === undefined) {
      period = this.#days.has(isoWeekday(day)) ? this.#workOut(day) : null
      if (this.#periods.size >= KEPT_PERIODS) this.#periods.clear()
      this.#periods.set(day, period)
    }
    return period
  }

  /** Of a time that the clock shows twice, the first is the begin and the second the end; of one it skips, the moment of the change. */
  #workOut(day: number): readonly [begin: number, end: number] | null {
    const begin = instantsOf(day * DAY_MS + this.#fromMinute * 60_000, this.#timeZone).first
    const end = instantsOf(day * DAY_MS + this.#toMinute * 60_000, this.#timeZone).last
    return begin < end ? [begin, end] : null
  }
}

const schedules = new Map<string, Schedule>()

/** The schedule that these settings mean; fences with the same settings share it. */
export function scheduleOf(settings: FenceSchedule): Schedule {
  const key = JSON.stringify([settings.days, settings.from, settings.to, settings.timeZone, settings.expect])
  let schedule = schedules.get(key)
  if (schedule === undefined) {
    schedule = new Schedule(settings)
    if (schedules.size >= KEPT_SCHEDULES) schedules.clear()
    schedules.set(key, schedule)
  }
  return schedule
}

function minuteOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5))
}

/** 1 = Monday … 7 = Sunday, of a day counted from 1970-01-01, a Thursday. */
function isoWeekday(day: number): number {
  return ((((day + 3) % 7) + 7) % 7) + 1
}
