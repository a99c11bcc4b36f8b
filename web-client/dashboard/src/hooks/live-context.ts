import { createContext, useContext } from 'react'
import type { Live } from '../live/live.ts'
import type { Selection } from '../live/selection.ts'
import type { FleetMotion } from '../map/fleet-motion.ts'

export interface Console {
  readonly live: Live
  readonly selection: Selection
  readonly motion: FleetMotion
}

export const ConsoleContext = createContext<Console | null>(null)

export function useConsole(): Console {
  const value = useContext(ConsoleContext)
  if (value === null) throw new TypeError('used outside of the console')
  return value
}
