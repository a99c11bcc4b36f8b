import { useCallback, useState } from 'react'

export interface Task {
  readonly busy: boolean
  readonly error: Error | null
  /** Runs something that may fail; resolves with whether it went well. A second click while it runs does nothing. */
  run(action: () => Promise<void>): Promise<boolean>
  clear(): void
}

/** Something that is sent to the platform: whether it is on its way, and what was wrong with it. */
export function useTask(): Task {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  const run = useCallback(
    async (action: () => Promise<void>) => {
      if (busy) return false
      setBusy(true)
      setError(null)
      try {
        await action()
        return true
      } catch (error) {
        setError(error as Error)
        return false
      } finally {
        setBusy(false)
      }
    },
    [busy],
  )
  return { busy, error, run, clear: useCallback(() => setError(null), []) }
}
