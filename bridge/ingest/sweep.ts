import { isShuttingDown } from './committer.ts'
import type { Pipeline } from './pipeline.ts'
import { startTicker } from './ticker.ts'

/** What is due by the platform's clock is looked for so often. */
const EVERY_MS = 1_000

/** Work whose time may have come. @returns whether there may be more of it at once */
export type Sweep = (pipeline: Pipeline) => Promise<boolean>

/**
 * Looks for what is due, while nothing else is being committed; fixes and SOS take their turns in between. What is due is kept
 * in rows, so nothing is lost with this process.
 */
export function startSweeps(pipeline: Pipeline, sweeps: readonly Sweep[]): { close(): Promise<void> } {
  const { logger, committer, closing } = pipeline
  const sweepAll = async (): Promise<void> => {
    for (const sweep of sweeps) {
      while (!closing.aborted && (await committer().change(() => sweep(pipeline)))) {}
    }
  }
  return startTicker(EVERY_MS, sweepAll, error => {
    if (!isShuttingDown(error)) logger.warn({ err: error }, 'what is due could not be looked at; trying again')
  })
}
