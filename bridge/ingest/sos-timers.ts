import { findDueAlerts } from '../store/sos-alerts.ts'
import { escalateDueAlert } from './commit-sos.ts'
import type { Pipeline } from './pipeline.ts'
import { startTicker } from './ticker.ts'

const TICK_MS = 500
const AT_ONCE = 1_000

/**
 * The clock of the escalations. What is due are rows, so a restart finds them; whichever process comes first takes a step, in the
 * urgent lane like a trigger.
 */
export function startSosTimers(pipeline: Pipeline): { close(): Promise<void> } {
  const { db, logger, now, closing, alerts } = pipeline

  async function tick(): Promise<void> {
    if (!db.isShared && alerts.size === 0) return
    for (const due of await findDueAlerts(db, now(), AT_ONCE)) {
      if (closing.aborted) return
      // One that fails does not keep those behind it waiting.
      await pipeline
        .committer()
        .urgent(() => escalateDueAlert(pipeline, due))
        .catch(warn)
    }
  }

  function warn(error: unknown): void {
    if (!closing.aborted) logger.warn({ err: error }, 'due SOS alerts could not be escalated; trying again')
  }

  return startTicker(TICK_MS, tick, warn)
}
