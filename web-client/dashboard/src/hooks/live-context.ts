import { createContext, useContext } from 'react'
import type { Live } from '../live/live.ts'
import type { Selection } from '../live/selection.ts'
import type { FleetMotion } from '../map/fleet-motion.ts'

/** What a map of devices needs: of the dashboard, and of the page of a share link. */
export interface Fleet {
  readonly live: Pick<Live, 'devices' | 'fences' | 'sos' | 'now'>
  readonly selection: Selection
  readonly motion: FleetMotion
}

export interface Console extends Fleet {
  readonly live: Live
}

export const ConsoleContext = createContext<Console | null>(null)

export function useConsole(): Console {
  const value = useContext(ConsoleContext)
  if (value === null) throw new TypeError('used outside of the console')
  return value
}

export const FleetContext = createContext<Fleet | null>(null)

export function useFleet(): Fleet {
  const value = useContext(FleetContext)
  if (value === null) throw new TypeError('used outside of a map of devices')
  return value
}
