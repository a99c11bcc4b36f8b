/**
 * Runs `work` every so often, never twice at once: a turn that comes while it still runs is left out.
 * @param failed hears of what it rejects with; it runs again at its next turn
 */
export function startTicker(
  everyMs: number,
  work: () => Promise<void>,
  failed: (error: unknown) => void,
): { close(): Promise<void> } {
  let running: Promise<void> | undefined
  const timer = setInterval(() => {
    running ??= work()
      .catch(failed)
      .finally(() => {
        running = undefined
      })
  }, everyMs)
  timer.unref()
  return {
    /** Resolves when what runs has ended. */
    async close() {
      clearInterval(timer)
      await running
    },
  }
}
