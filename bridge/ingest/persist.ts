import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { TrackwireError } from '../../contract/index.ts'
import { DatabaseError } from '../store/database.ts'
import { isConnectionLoss, isTransient } from '../store/sqlstate.ts'

/** Another node wrote a state between our reading and our commit. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict'
}

export interface PersistOptions {
  readonly logger: Logger
  /** Aborted by close(): from then on an unreachable database is not waited for. */
  readonly closing: AbortSignal
  /** Runs before every attempt but the first. */
  readonly beforeRetry?: () => Promise<void>
  /** Runs after success when an earlier attempt may have been stored though it failed: its messages are in no one's hands. */
  readonly afterUnknownOutcome?: () => Promise<void>
}

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2_000
/** SQLSTATE of a serialisation failure: what a version conflict amounts to. */
const SERIALIZATION = '40001'
/** Two nodes that fight over a device this often are at fault themselves. */
const MAX_CONFLICTS = 25

/**
 * Runs `work`, a transaction, until it is committed: failures that pass by themselves are waited for with growing pauses,
 * whoever waits for the answer simply waits on. `work` reads its inputs afresh on every attempt.
 * @throws storage_unavailable once `closing` is aborted; whatever `work` fails with otherwise
 */
export async function persist<T>(work: () => Promise<T>, options: PersistOptions): Promise<T> {
  const { logger, closing, beforeRetry, afterUnknownOutcome } = options
  let unknownOutcome = false
  let conflicts = 0
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      const result = await work()
      if (unknownOutcome) await afterUnknownOutcome?.()
      return result
    } catch (error) {
      const code = error instanceof VersionConflict ? SERIALIZATION : error instanceof DatabaseError ? error.code : ''
      if (!isTransient(code)) throw error
      if (code.startsWith('40')) {
        if (++conflicts === MAX_CONFLICTS) {
          throw new TrackwireError('storage_unavailable', 'other nodes keep writing the same device; send it again', {
            cause: error,
          })
        }
      } else {
        unknownOutcome ||= isConnectionLoss(code)
        if (closing.aborted) throw new TrackwireError('storage_unavailable', undefined, { cause: error })
        logger.warn({ err: error, retryInMs: pauseMs }, 'the database failed; trying again')
        await delay(pauseMs, undefined, { signal: closing }).catch(() => {})
      }
      await beforeRetry?.()
    }
  }
}
