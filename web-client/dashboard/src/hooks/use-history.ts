import { useEffect, useState } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import type { Live } from '../live/live.ts'

export interface History {
  readonly fixes: readonly LocationUpdate[]
  readonly state: 'idle' | 'loading' | 'loaded' | 'failed'
}

const NONE: History = { fixes: [], state: 'idle' }
export const HISTORY_MS = 60 * 60_000

/** The last hour of a device, fetched when it is selected. */
export function useHistory(live: Live, deviceId: string | null): History {
  const [history, setHistory] = useState(NONE)
  useEffect(() => {
    if (deviceId === null) return
    let wanted = true
    setHistory({ fixes: [], state: 'loading' })
    live.history(deviceId, HISTORY_MS).then(
      fixes => wanted && setHistory({ fixes, state: 'loaded' }),
      () => wanted && setHistory({ fixes: [], state: 'failed' }),
    )
    return () => {
      wanted = false
      setHistory(NONE)
    }
  }, [live, deviceId])
  return history
}
