import { createStore, type Store } from './store.ts'

/** What lengths and speeds are told in. The platform itself speaks metres and metres per second. */
export type Units = 'metric' | 'imperial'

const KEY = 'trackwire.units'
const KMH_IN_MPS = 3.6
const MPH_IN_MPS = 3_600 / 1_609.344
const FEET_IN_METER = 1 / 0.3048

/** Where the choice outlives a reload; the browser's `localStorage` fits. */
interface UnitStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

export interface UnitChoice {
  readonly store: Store<Units>
  choose(units: Units): void
}

export function createUnitChoice(storage: UnitStorage): UnitChoice {
  const store = createStore<Units>(storage.getItem(KEY) === 'imperial' ? 'imperial' : 'metric')
  return {
    store,
    choose(units) {
      storage.setItem(KEY, units)
      store.set(units)
    },
  }
}

export const speedUnit = (units: Units): string => (units === 'metric' ? 'km/h' : 'mph')

export const speedIn = (metersPerSecond: number, units: Units): number =>
  metersPerSecond * (units === 'metric' ? KMH_IN_MPS : MPH_IN_MPS)

export const speedText = (metersPerSecond: number, units: Units): string =>
  `${Math.round(speedIn(metersPerSecond, units))} ${speedUnit(units)}`

export const heightUnit = (units: Units): string => (units === 'metric' ? 'm' : 'ft')

export const heightIn = (meters: number, units: Units): number => (units === 'metric' ? meters : meters * FEET_IN_METER)

export const heightText = (meters: number, units: Units): string =>
  `${Math.round(heightIn(meters, units))} ${heightUnit(units)}`

/** A way: `640 m`, `12.4 km`; `700 yd`, `7.7 mi`. */
export function distanceText(meters: number, units: Units): string {
  if (units === 'metric') return meters < 1_000 ? `${Math.round(meters)} m` : `${short(meters / 1_000)} km`
  const miles = meters / 1_609.344
  return miles < 0.5 ? `${Math.round(meters / 0.9144)} yd` : `${short(miles)} mi`
}

const short = (value: number): string => (value < 100 ? value.toFixed(1) : String(Math.round(value)))
