import { buildTopic, type ErrorNotice } from '../../../contract/index.ts'
import { type Act, recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import {
  type ClockKind,
  type DeviceClock,
  type DeviceClockRow,
  deleteClockCorrection,
  loadClockCorrections,
  loadDeviceClocks,
  saveClockCorrection,
  saveDeviceClocks,
} from '../../store/device-clocks.ts'
import type { DeviceKey } from '../../store/device-states.ts'
import type { ClockCorrectionCall } from '../ingest.ts'
import { persist } from '../persist.ts'
import type { Pipeline } from '../pipeline.ts'
import { keyOf } from '../state-cache.ts'
import { type ClockStreak, isLearnt, observeFix, readClock } from './clock-streak.ts'
import { Hourly } from './hourly.ts'

/** What a fix taught of its device's clock. */
export interface Lesson {
  readonly clock: DeviceClockRow
  /** Not merely more fixes that say the same. */
  readonly isNew: boolean
}

/** Devices whose clock is being learnt; a device with a right clock is none of them. */
const MOST_STREAKS = 50_000

/**
 * How far the clocks of devices are off: what their live fixes taught (told and kept, never applied), and what a person set
 * (applied). What is being learnt is in memory only: after a restart it takes a few fixes again.
 */
export class DeviceClocks {
  readonly #learnt = new Map<string, DeviceClock>()
  readonly #corrections = new Map<string, number>()
  readonly #streaks = new Map<string, ClockStreak>()
  readonly #told: Hourly

  private constructor(now: () => number) {
    this.#told = new Hourly(now)
  }

  static async load(db: Database, now: () => number): Promise<DeviceClocks> {
    const clocks = new DeviceClocks(now)
    for (const row of await loadDeviceClocks(db)) clocks.#learnt.set(keyOf(row), row)
    for (const row of await loadClockCorrections(db)) clocks.#corrections.set(keyOf(row), row.offsetSeconds)
    return clocks
  }

  /** How far a person says the clock is ahead, milliseconds; 0 when nobody does. */
  correctionMs(key: string): number {
    return (this.#corrections.get(key) ?? 0) * 1_000
  }

  /** Runs while nothing is being committed. */
  async correct(pipeline: Pipeline, correction: ClockCorrectionCall, act?: Act): Promise<void> {
    const { org, deviceId, offsetSeconds, by } = correction
    const { db, now } = pipeline
    const device = { org, deviceId }
    await persist(
      () =>
        db.transaction(async tx => {
          if (offsetSeconds === null) await deleteClockCorrection(tx, device)
          else await saveClockCorrection(tx, { ...device, offsetSeconds }, by, now())
          if (act !== undefined) await recordAudit(tx, act, now())
        }),
      pipeline,
    )
    if (offsetSeconds === null) this.#corrections.delete(keyOf(device))
    else this.#corrections.set(keyOf(device), offsetSeconds)
  }

  /**
   * Learns from one live fix, by the time it was sent with.
   * @returns what it taught, for keep(); undefined, at no cost, for a device whose clock is right and always was
   */
  observe(device: DeviceKey, timeMs: number, receivedMs: number): Lesson | undefined {
    const key = keyOf(device)
    const before = this.#streaks.get(key)
    const known = this.#learnt.get(key)
    const corrected = this.#corrections.has(key)
    if (before === undefined && known === undefined && !corrected) {
      const reading = readClock(timeMs, receivedMs)
      if (reading === null || reading.offsetSeconds === 0) return undefined
    }
    const streak = observeFix(before, timeMs, receivedMs)
    this.#remember(key, streak)
    if (streak === undefined || streak === before || !isLearnt(streak)) return undefined
    const same = known?.offsetSeconds === streak.offsetSeconds
    // A clock that is right is news only when it was said to be wrong.
    if (streak.offsetSeconds === 0 && known === undefined && !corrected) {
      this.#streaks.delete(key)
      return undefined
    }
    if (same && !isPowerOfTwo(streak.count)) return undefined
    const { offsetSeconds, count, firstReceived } = streak
    const { org, deviceId } = device
    const clock = { org, deviceId, offsetSeconds, kind: kindOf(offsetSeconds), count, since: firstReceived }
    this.#learnt.set(key, clock)
    return { clock, isNew: !same }
  }

  /** Keeps what the fixes of a group taught, in one statement, and tells what of it is new. */
  async keep(pipeline: Pipeline, lessons: readonly Lesson[]): Promise<void> {
    if (lessons.length === 0) return
    const { db, now } = pipeline
    const clocks = lessons.map(({ clock }) => clock)
    await persist(() => saveDeviceClocks(db, clocks, now()), pipeline)
    for (const { clock, isNew } of lessons) if (isNew) this.#tell(pipeline, clock)
  }

  #tell({ logger, announcer }: Pipeline, clock: DeviceClockRow): void {
    const { org, deviceId, offsetSeconds, count } = clock
    const key = keyOf(clock)
    const applied = this.#corrections.get(key) ?? 0
    logger.warn(
      { org, deviceId, offsetSeconds, appliedSeconds: applied, fixes: count },
      'the clock of a device was learnt',
    )
    if (offsetSeconds === applied || !this.#told.take(`${key}@${offsetSeconds}`)) return
    const topic = buildTopic('errors', { org, userId: deviceId })
    const notice: ErrorNotice = {
      code: 'clock_offset',
      message: sentence(offsetSeconds, applied),
      topic: buildTopic('location', { org, deviceId }),
    }
    void announcer.live(topic, () => ({ topic, payload: JSON.stringify(notice), qos: 0, retain: false }))
  }

  #remember(key: string, streak: ClockStreak | undefined): void {
    this.#streaks.delete(key)
    if (streak === undefined) return
    this.#streaks.set(key, streak)
    if (this.#streaks.size > MOST_STREAKS) this.#streaks.delete(this.#streaks.keys().next().value!)
  }
}

function kindOf(offsetSeconds: number): ClockKind {
  return offsetSeconds === 0 ? 'right' : offsetSeconds > 0 ? 'future' : 'lagging'
}

function sentence(offsetSeconds: number, applied: number): string {
  if (offsetSeconds === 0) return `the clock is right, but it is corrected by ${applied} s; take the correction back`
  const size = Math.abs(offsetSeconds)
  const direction = offsetSeconds > 0 ? 'ahead' : 'behind'
  return `the clock is ${size} s (${size / 3_600} h) ${direction}, often a time zone; send UTC, or have the offset set for the device`
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0
}
