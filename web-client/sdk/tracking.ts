import type { Location, LocationUpdate } from '../../contract/index.ts'
import { RealtimeError } from './errors.ts'
import { type Conditions, isDue, isMoving, type Sample, type SamplingPolicy } from './sampling.ts'
import { createStore, type Readable, type Store } from './store.ts'

/** Where positions come from: `navigator.geolocation`, or whatever has these two methods of it. */
export interface PositionSource {
  watchPosition(
    onPosition: (position: GeolocationPosition) => void,
    onError: (error: { readonly code: number; readonly message: string }) => void,
    options: PositionOptions,
  ): number
  clearWatch(id: number): void
}

export interface TrackingOptions extends SamplingPolicy {
  /** Whose positions they are; the token's own device when left out. */
  readonly deviceId?: string
  /** GPS rather than cells and networks; true when left out. */
  readonly highAccuracy?: boolean
  readonly source?: PositionSource
  /** What is known of the power supply; the Battery Status API where a browser has it, when left out. */
  readonly conditions?: () => Conditions
}

export interface TrackingState {
  readonly status: 'starting' | 'tracking' | 'denied' | 'unavailable' | 'stopped'
  /** The newest position, sent or not. */
  readonly location: Location | null
  readonly timestamp: number | null
  readonly isMoving: boolean
  /** Handed to the outbox; what became of them is `client.outbox`. */
  readonly sent: number
  readonly error: RealtimeError | null
}

export interface TrackingSession {
  readonly state: Readable<TrackingState>
  stop(): void
}

const PERMISSION_DENIED = 1
const FIX_WITHIN_MS = 30_000

/** Watches the position and sends what is worth it. */
export function trackPosition(
  options: TrackingOptions,
  send: (fix: Omit<LocationUpdate, 'deviceId'>) => Promise<unknown>,
): TrackingSession {
  const { highAccuracy = true, source = ownSource(), conditions = watchBattery() } = options
  const state: Store<TrackingState> = createStore<TrackingState>({
    status: 'starting',
    location: null,
    timestamp: null,
    isMoving: false,
    sent: 0,
    error: null,
  })
  let sentLast: Sample | null = null
  const tell = (change: Partial<TrackingState>): void => state.set(before => ({ ...before, ...change }))
  const fail = (code: string, message: string, status: TrackingState['status']): void =>
    tell({ status, error: new RealtimeError(code, message) })

  const onPosition = (position: GeolocationPosition): void => {
    if (state.get().status === 'stopped') return
    const sample = sampleOf(position)
    const moving = sentLast !== null && isMoving(sample, sentLast, options)
    tell({ status: 'tracking', location: sample.location, timestamp: sample.timestamp, isMoving: moving, error: null })
    const { battery, isCharging } = conditions()
    if (!isDue(sample, sentLast, { battery, isCharging }, options)) return
    sentLast = sample
    const metadata = { activity: moving ? 'moving' : 'still', ...(battery !== undefined && { battery }) }
    send({ ...sample, metadata }).then(
      () => tell({ sent: state.get().sent + 1 }),
      error => tell({ error: error as RealtimeError }),
    )
  }

  if (source === undefined) {
    fail('unsupported', 'there is no geolocation here; pages have it over HTTPS and on localhost', 'unavailable')
    return { state, stop: () => tell({ status: 'stopped' }) }
  }
  const watch = source.watchPosition(
    onPosition,
    ({ code, message }) => {
      if (code === PERMISSION_DENIED) fail('permission_denied', message, 'denied')
      else fail('position_unavailable', message, 'unavailable')
    },
    { enableHighAccuracy: highAccuracy, timeout: FIX_WITHIN_MS, maximumAge: 0 },
  )
  return {
    state,
    stop() {
      source.clearWatch(watch)
      tell({ status: 'stopped' })
    },
  }
}

function ownSource(): PositionSource | undefined {
  return globalThis.navigator?.geolocation
}

function sampleOf({ coords, timestamp }: GeolocationPosition): Sample {
  const { latitude, longitude, accuracy, speed, heading, altitude } = coords
  const location: Location = {
    lat: latitude,
    lng: longitude,
    // A receiver at rest has no heading: NaN.
    ...(Number.isFinite(accuracy) && { accuracy }),
    ...(isNumber(speed) && speed >= 0 && { speed }),
    ...(isNumber(heading) && { heading }),
    ...(isNumber(altitude) && { altitude }),
  }
  return { location, timestamp: Math.round(timestamp) }
}

function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value)
}

/** The Battery Status API: Chromium has it; elsewhere nothing is known. */
function watchBattery(): () => Conditions {
  interface Battery {
    readonly level: number
    readonly charging: boolean
  }
  let battery: Battery | undefined
  const { getBattery } = (globalThis.navigator ?? {}) as { getBattery?: () => Promise<Battery> }
  getBattery?.call(navigator).then(
    found => {
      battery = found
    },
    () => undefined,
  )
  return () => ({ battery: battery && Math.round(battery.level * 100), isCharging: battery?.charging })
}
