import { checkFix, checkPlausible, type ErrorCode, type LocationUpdate, TrackwireError } from '../../contract/index.ts'
import type { ClockRepair } from '../store/fixes.ts'
import type { FixBatch, FixResult, SentFix } from './ingest.ts'
import { keyOf } from './state-cache.ts'

/** What fixes came in; told what becomes of each. */
export interface FixMessage {
  settle(item: QueuedFix, result: FixResult): void
  fail(item: QueuedFix, error: unknown): void
}

/** One fix on its way to the database. */
export interface QueuedFix {
  /** Fixes of one message share it. */
  readonly message: FixMessage
  /** Its place in the message as sent. */
  readonly index: number
  readonly key: string
  readonly org: string
  readonly deviceId: string
  readonly receivedAt: number
  /** Our clock when it was judged, milliseconds. */
  readonly arrivedAt: number
  readonly registers: boolean
  /** Subscribers of the device's location topic get it. */
  readonly isForwarded: boolean
  /** The bridge by which it came from another broker. */
  readonly bridge: string | undefined
  /** It was the only one of its message. */
  readonly alone: boolean
  readonly fix: LocationUpdate
  /** Its time is another one than was sent. */
  readonly clock: ClockRepair | undefined
  /** It was set aside, and a person accepted it. */
  readonly accepts: { readonly setAsideId: number; readonly by: string } | undefined
  /** Why it is kept apart instead of being stored as history. */
  readonly setAside: TrackwireError | undefined
  /** What it takes in memory, about. */
  readonly bytes: number
  /** A newer one of the device may take its place when too many wait. */
  readonly mayThin: boolean
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
  const { org, deviceId, receivedAt, fixes } = batch
  const key = keyOf(batch)
  const alone = fixes.length === 1
  const bytes = FIX_BYTES + (batch.bytes === undefined ? USUAL_BYTES : Math.ceil(batch.bytes / fixes.length))
  const isForwarded = batch.forward !== undefined && batch.forward !== false
  const message = new BatchMessage(fixes.length)
  const items: QueuedFix[] = new Array(fixes.length)
  let kept = 0
  for (let index = 0; index < fixes.length; index += 1) {
    const judged = judge(fixes[index], batch, nowMs, clockOffsetMs)
    if (judged instanceof TrackwireError) {
      onRefused(judged.code)
      message.refuse(index, judged)
      continue
    }
    const { fix, clock, setAside } = judged
    items[kept++] = {
      message,
      index,
      key,
      org,
      deviceId,
      receivedAt,
      arrivedAt: nowMs,
      registers,
      isForwarded,
      bridge: batch.bridge,
      alone,
      fix,
      clock,
      accepts: undefined,
      setAside,
      bytes,
      mayThin: false,
    }
  }
  items.length = kept
  // A batch may come in any order; sorted, its own fixes are not late to each other.
  if (items.length > 1) items.sort((a, b) => a.fix.timestamp - b.fix.timestamp)
  return { items, results: message.results }
}

/**
 * The same for one alone, of a registered device whose clock nobody corrects.
 * @throws TrackwireError what it is refused for
 */
export function queueOne(
  { org, deviceId, fix: sent, receivedAt, bytes }: SentFix,
  { key, nowMs, message, isAwaited }: { key: string; nowMs: number; message: FixMessage; isAwaited: boolean },
): QueuedFix {
  const judged = judge(sent, { deviceId, hasShape: true }, nowMs, 0)
  if (judged instanceof TrackwireError) throw judged
  const { fix, clock, setAside } = judged
  // In the order of those of a batch: then both are of one shape, and read fast.
  return {
    message,
    index: 0,
    key,
    org,
    deviceId,
    receivedAt,
    arrivedAt: nowMs,
    registers: false,
    isForwarded: true,
    bridge: undefined,
    alone: true,
    fix,
    clock,
    accepts: undefined,
    setAside,
    bytes: FIX_BYTES + bytes,
    mayThin: !isAwaited && setAside === undefined,
  }
}

/**
 * A newer fix of the device, not of the future, in place of one that waits; nobody waits for either.
 * @throws TrackwireError what it is refused for
 */
export function renew(
  item: QueuedFix,
  { deviceId, fix, receivedAt, bytes }: SentFix,
  { nowMs, message }: { nowMs: number; message: FixMessage },
): void {
  checkPlausible(fix, deviceId, nowMs)
  const waiting: { -readonly [Part in keyof QueuedFix]: QueuedFix[Part] } = item
  waiting.message = message
  waiting.receivedAt = receivedAt
  waiting.arrivedAt = nowMs
  waiting.fix = named(fix, deviceId)
  waiting.bytes = FIX_BYTES + bytes
}

/** Collects what becomes of the fixes of a batch. */
class BatchMessage implements FixMessage {
  readonly results: Promise<FixResult[]>
  readonly #results: FixResult[]
  #open: number
  #resolve!: (results: FixResult[]) => void
  #reject!: (error: unknown) => void

  constructor(count: number) {
    this.results = new Promise<FixResult[]>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#results = new Array(count)
    this.#open = count
    if (count === 0) this.#resolve(this.#results)
  }

  settle({ index }: QueuedFix, result: FixResult): void {
    this.#put(index, result)
  }

  refuse(index: number, { code, message }: TrackwireError): void {
    this.#put(index, { status: 'refused', code, message })
  }

  fail(_item: QueuedFix, error: unknown): void {
    this.#reject(error)
  }

  #put(index: number, result: FixResult): void {
    this.#results[index] = result
    this.#open -= 1
    if (this.#open === 0) this.#resolve(this.#results)
  }
}

type Judged = Pick<QueuedFix, 'fix' | 'clock' | 'setAside'>

function judge(
  value: unknown,
  { deviceId, hasShape }: Pick<FixBatch, 'deviceId' | 'hasShape'>,
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
    return error.code === 'timestamp_future'
      ? { fix: value as LocationUpdate, clock: undefined, setAside: error }
      : error
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
