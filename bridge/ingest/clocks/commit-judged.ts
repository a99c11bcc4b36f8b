import { TrackwireError } from '../../../contract/index.ts'
import { commitFixes } from '../commit-fixes.ts'
import type { QueuedFix } from '../fix-queue.ts'
import type { Pipeline } from '../pipeline.ts'
import { judgeClocks } from './judge-clocks.ts'

/** A group of fixes, its times judged first. Settles every fix; rejects never. */
export async function commitJudged(pipeline: Pipeline, items: readonly QueuedFix[]): Promise<void> {
  let judged = items
  try {
    judged = await judgeClocks(pipeline, items)
  } catch (error) {
    if (error instanceof TrackwireError) {
      for (const item of items) item.message.fail(item, error)
      return
    }
    // A fault of ours in judging clocks must not cost the fixes.
    pipeline.logger.error({ err: error }, 'the clocks of a group of fixes could not be judged')
  }
  await commitFixes(pipeline, judged)
}
