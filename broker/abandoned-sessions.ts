import type { Logger } from 'pino'
import type { Clock } from './clock.ts'
import type { BrokerPersistence } from './persistence.ts'
import type { StoredSessions } from './stored-sessions.ts'

/** MQTT 3.1.1 lets a session live for ever; one whose client is never seen again must not grow for ever. */
export const SESSION_LIFETIME_MS = 7 * 86_400_000
const LOOK_EVERY_MS = 3_600_000

/** Deletes sessions, with what waits for them, that nobody came back to in time. @returns what stops it */
export function deleteAbandonedSessions(options: {
  sessions: StoredSessions
  persistence: BrokerPersistence
  clock: Clock
  lifetimeMs: number
  logger: Logger
}): () => void {
  const { sessions, persistence, clock, lifetimeMs, logger } = options
  let timer: unknown

  async function look(): Promise<void> {
    const ids = sessions.leftBefore(clock.now() - lifetimeMs)
    for (const id of ids) {
      // Its client may have come back while others were deleted.
      if (sessions.isLeft(id)) await persistence.endSession(id)
    }
    if (ids.length > 0) logger.info({ sessions: ids.length }, 'sessions that nobody came back to were deleted')
  }

  function wait(afterMs: number): void {
    timer = clock.setTimeout(() => {
      look()
        .catch(error => logger.warn({ err: error }, 'abandoned sessions could not be deleted'))
        .then(() => timer !== undefined && wait(LOOK_EVERY_MS))
    }, afterMs)
  }

  wait(0)
  return () => {
    clock.clearTimeout(timer)
    timer = undefined
  }
}
