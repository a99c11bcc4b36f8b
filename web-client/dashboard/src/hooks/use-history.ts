import { useEffect, useState } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import type { Live } from '../live/live.ts'
import { useSelected } from './use-store.ts'

export interface History {
  readonly fixes: readonly LocationUpdate[]
  readonly state: 'idle' | 'loading' | 'loaded' | 'failed'
}

const NONE: History = { fixes: [], state: 'idle' }
export const HISTORY_MS = 60 * 60_000

/** The last hour of a device, fetched when it is selected, and again after every gap of the connection. */
export function useHistory(live: Live, deviceId: string | null): History {
  const [history, setHistory] = useState(NONE)
  const online = useSelected(live.connection.store, ({ phase }) => phase !== 'offline')
  // biome-ignore lint/correctness/useExhaustiveDependencies: what came while the connection was lost is in the history alone
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
  }, [live, deviceId, online])
  return history
}
