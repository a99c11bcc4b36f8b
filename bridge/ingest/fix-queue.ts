import { checkFix, checkPlausible, type ErrorCode, type LocationUpdate, TrackwireError } from '../../contract/index.ts'
import type { ClockRepair } from '../store/fixes.ts'
import type { FixBatch, FixResult } from './ingest.ts'
import { keyOf } from './state-cache.ts'

/** One fix on its way to the database. */
export interface QueuedFix {
  /** Its place in the batch as sent. */
  readonly index: number
  readonly key: string
  readonly org: string
  readonly deviceId: string
  readonly receivedAt: number
  /** Our clock when it was judged, milliseconds. */
  readonly arrivedAt: number
  readonly registers: boolean
  /** What it came with; fixes of one message share it. */
  readonly batch: object
  /** Subscribers of the device's location topic get it. */
  readonly isForwarded: boolean
  /** The bridge by which it came from another broker. */
  readonly bridge: string | undefined
  /** It was the only one of its message. */
  readonly alone: boolean
  readonly fix: LocationUpdate
  /** Its time is another one than was sent. */
  readonly clock?: ClockRepair | undefined
  /** It was set aside, and a person accepted it. */
  readonly accepts?: { readonly setAsideId: number; readonly by: string } | undefined
  /** Why it is kept apart instead of being stored as history. */
  readonly setAside: TrackwireError | undefined
  /** What it takes in memory, about. */
  readonly bytes: number
  /** A newer one of the device may take its place when too many wait. */
  readonly mayThin: boolean
  settle(result: FixResult): void
  fail(error: unknown): void
}

/** What a fix takes in memory beside what was sent of it, and how much is sent when nobody says. */
const FIX_BYTES = 512
const USUAL_BYTES = 256

export interface QueueingOptions {
  readonly nowMs: number
  /** Whether the sender is registered by what it sends. */
  readonly registers: boolean
  /** How far a person says the device's clock is ahead; taken off every time before it is judged. */
  readonly clockOffsetMs: number
  onRefused(code: ErrorCode): void
}

/**
 * Judges the fixes of a batch one by one: a refused one does not cost the rest.
 * @returns what is to be committed, oldest first, and the results in order once all of it is
 */
export function queueBatch(
  batch: FixBatch,
  { nowMs, registers, clockOffsetMs, onRefused }: QueueingOptions,
): { items: QueuedFix[]; results: Promise<FixResult[]> } {
  const { org, deviceId, receivedAt } = batch
  const key = keyOf(batch)
  const alone = batch.fixes.length === 1
  const bytes = FIX_BYTES + (batch.bytes === undefined ? USUAL_BYTES : Math.ceil(batch.bytes / batch.fixes.length))
  const results: FixResult[] = new Array(batch.fixes.length)
  const items: QueuedFix[] = new Array(batch.fixes.length)
  let kept = 0
  let open = batch.fixes.length
  const { promise, resolve, reject } = settlement<FixResult[]>()
  const settle = (index: number, result: FixResult): void => {
    results[index] = result
    if (--open === 0) resolve(results)
  }
  if (open === 0) resolve(results)
  for (let index = 0; index < batch.fixes.length; index += 1) {
    const judged = judge(batch.fixes[index], batch, nowMs, clockOffsetMs)
    if (judged instanceof TrackwireError) {
      onRefused(judged.code)
      settle(index, { status: 'refused', code: judged.code, message: judged.message })
      continue
    }
    items[kept++] = {
      index,
      key,
      org,
      deviceId,
      receivedAt,
      arrivedAt: nowMs,
      registers,
      batch,
      isForwarded: batch.forward !== undefined && batch.forward !== false,
      bridge: batch.bridge,
      alone,
      bytes,
      mayThin: batch.mayThin === true && judged.setAside === undefined,
      fix: judged.fix,
      clock: judged.clock,
      setAside: judged.setAside,
      settle: result => settle(index, result),
      fail: reject,
    }
  }
  items.length = kept
  // A batch may come in any order; sorted, its own fixes are not late to each other.
  if (items.length > 1) items.sort((a, b) => a.fix.timestamp - b.fix.timestamp)
  return { items, results: promise }
}

type Judged = Pick<QueuedFix, 'fix' | 'clock' | 'setAside'>

function judge(
  value: unknown,
  { deviceId, hasShape }: FixBatch,
  nowMs: number,
  clockOffsetMs: number,
): Judged | TrackwireError {
  try {
    const fix = checked(corrected(value, clockOffsetMs), deviceId, nowMs, hasShape === true)
    const clock: ClockRepair | undefined =
      clockOffsetMs === 0 ? undefined : { received: fix.timestamp + clockOffsetMs, repair: 'clock-offset' }
    return { fix: named(fix, deviceId), clock, setAside: undefined }
  } catch (error) {
    if (!(error instanceof TrackwireError)) throw error
    // Checked last, so everything else about the fix is valid.
    return error.code === 'timestamp_future' ? { fix: value as LocationUpdate, setAside: error } : error
  }
}

function checked(value: unknown, deviceId: string, nowMs: number, hasShape: boolean): LocationUpdate {
  if (!hasShape) return checkFix(value, deviceId, nowMs)
  checkPlausible(value as LocationUpdate, deviceId, nowMs)
  return value as LocationUpdate
}

/** `last` and the history always name the device, whether the sender did or not. */
export function named(fix: LocationUpdate, deviceId: string): LocationUpdate {
  return fix.deviceId === undefined ? { deviceId, ...fix } : fix
}

function corrected(value: unknown, clockOffsetMs: number): unknown {
  const sent = value as Partial<LocationUpdate> | null
  if (clockOffsetMs === 0 || typeof sent?.timestamp !== 'number') return value
  return { ...sent, timestamp: sent.timestamp - clockOffsetMs }
}

function settlement<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
