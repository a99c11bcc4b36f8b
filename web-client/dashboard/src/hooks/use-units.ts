import { createUnitChoice, type Units } from '../live/units.ts'
import { useStore } from './use-store.ts'

const choice = createUnitChoice(localStorage)

/** The units of this browser; the choice is kept. */
export function useUnits(): { readonly units: Units; toggle(): void } {
  const units = useStore(choice.store)
  return { units, toggle: () => choice.choose(units === 'metric' ? 'imperial' : 'metric') }
}
