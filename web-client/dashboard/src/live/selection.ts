import { createStore, type Store } from './store.ts'

/** Where the map is asked to go; a new object is a new wish, also to the same place. */
export interface FlyTo {
  readonly position: readonly [longitude: number, latitude: number]
  /** Shown for a moment where the map has flown to. */
  readonly ping: boolean
}

export interface SelectionState {
  readonly deviceId: string | null
  readonly hoveredId: string | null
  /** Keep the selected device in the middle of the map. */
  readonly follow: boolean
  readonly flyTo: FlyTo | null
  /** What the list is narrowed to by its filters; null: all. An open SOS is shown whatever they say. */
  readonly shownIds: ReadonlySet<string> | null
  /** Counts the wishes to see the whole fleet. */
  readonly fitRequests: number
}

/** The section of the world on the screen. */
export interface MapSection {
  readonly center: readonly [longitude: number, latitude: number]
  readonly zoom: number
}

/** What the operator is looking at: shared by the lists and the map. */
export interface Selection {
  readonly store: Store<SelectionState>
  /** Where the map was left, for when it is come back to; null while it was not moved yet. */
  section: MapSection | null
  select(deviceId: string | null): void
  hover(deviceId: string | null): void
  setFollow(follow: boolean): void
  flyTo(flyTo: FlyTo): void
  /** The map has taken the wish; also one that was made on another page, before there was a map. */
  flown(): void
  fitFleet(): void
  show(deviceIds: ReadonlySet<string> | null): void
}

export function createSelection(): Selection {
  const store = createStore<SelectionState>({
    deviceId: null,
    hoveredId: null,
    follow: false,
    flyTo: null,
    shownIds: null,
    fitRequests: 0,
  })
  return {
    store,
    section: null,
    select: deviceId =>
      store.set(state => (state.deviceId === deviceId ? state : { ...state, deviceId, follow: false })),
    hover: hoveredId => store.set(state => (state.hoveredId === hoveredId ? state : { ...state, hoveredId })),
    setFollow: follow => store.set(state => (state.follow === follow ? state : { ...state, follow })),
    flyTo: flyTo => store.set(state => ({ ...state, flyTo, follow: false })),
    flown: () => store.set(state => (state.flyTo === null ? state : { ...state, flyTo: null })),
    show: shownIds => store.set(state => (isSameSet(state.shownIds, shownIds) ? state : { ...state, shownIds })),
    fitFleet: () => store.set(state => ({ ...state, follow: false, fitRequests: state.fitRequests + 1 })),
  }
}

function isSameSet(a: ReadonlySet<string> | null, b: ReadonlySet<string> | null): boolean {
  if (a === null || b === null) return a === b
  return a.size === b.size && [...a].every(id => b.has(id))
}
