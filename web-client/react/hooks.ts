import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import {
  type AlertEvent,
  alertsOf,
  type ConnectionState,
  type DeviceStatus,
  type DeviceView,
  devicesOf,
  type FenceFeature,
  fencesOf,
  type LiveDevice,
  type Location,
  type LocationUpdate,
  type OutboxProgress,
  openSosOf,
  positionsOf,
  type Readable,
  RealtimeClient,
  type RealtimeError,
  type SosEvent,
  type SosOptions,
  type SosSession,
  type SosState,
  type TrackingOptions,
  type TrackingSession,
  type TrackingState,
} from '../sdk/index.ts'
import { useConnected, useOptionalClient, useRealtimeClient } from './provider.ts'
import { useReadable } from './use-readable.ts'

export interface RealtimeConnection {
  readonly client: RealtimeClient
  readonly connected: boolean
  readonly error: RealtimeError | null
  readonly state: ConnectionState
  /** What waits to be sent. */
  readonly outbox: OutboxProgress
}

/** The client, and how its connection stands. */
export function useRealtimeConnection(): RealtimeConnection {
  const client = useRealtimeClient()
  const state = useReadable(client.connection)
  const outbox = useReadable(client.outbox)
  return { client, connected: state.phase === 'online', error: state.error, state, outbox }
}

/** How old what is shown may be, in whole seconds; renders when that number changes. */
export function useDataAge(): number {
  const client = useRealtimeClient()
  const subscribe = useCallback((listener: () => void) => {
    const timer = setInterval(listener, 500)
    return () => clearInterval(timer)
  }, [])
  const seconds = (): number => Math.floor(client.dataAgeMs() / 1_000)
  return useSyncExternalStore(subscribe, seconds, seconds)
}

const NOT_TRACKING: TrackingState = {
  status: 'stopped',
  location: null,
  timestamp: null,
  isMoving: false,
  sent: 0,
  error: null,
}
const IDLE = constant(NOT_TRACKING)

export interface RealtimeGps extends TrackingState {
  readonly tracking: boolean
  readonly startTracking: (options?: TrackingOptions) => void
  readonly stopTracking: () => void
}

/** Sends where this phone or computer is, from `startTracking` on until `stopTracking` or the end of the component. */
export function useRealtimeGPS(): RealtimeGps {
  const client = useRealtimeClient()
  const [session, setSession] = useState<TrackingSession | null>(null)
  const running = useRef<TrackingSession | null>(null)
  const stopTracking = useCallback(() => {
    running.current?.stop()
    running.current = null
  }, [])
  const startTracking = useCallback(
    (options?: TrackingOptions) => {
      stopTracking()
      running.current = client.startTracking(options)
      setSession(running.current)
    },
    [client, stopTracking],
  )
  useEffect(() => stopTracking, [stopTracking])
  const state = useReadable(session?.state ?? IDLE)
  const tracking = state.status === 'starting' || state.status === 'tracking'
  return { ...state, tracking, startTracking, stopTracking }
}

export interface VehicleTracking {
  readonly location: Location | null
  /** When the vehicle was there, milliseconds. */
  readonly timestamp: number | null
  readonly fix: LocationUpdate | null
  readonly status: DeviceStatus | null
  readonly connected: boolean
  readonly error: RealtimeError | null
}

const NO_VIEW: DeviceView = { deviceId: '', fix: null, status: null }

/**
 * Follows one vehicle; renders with every new position of it.
 * @param token of somebody else than the provider's client, like a share link's; the component then has a connection of its own
 */
export function useVehicleTracking(deviceId: string, token?: string, url?: string): VehicleTracking {
  const provided = useOptionalClient()
  const own = useMemo(
    () => (token === undefined ? null : new RealtimeClient({ token, ...(url !== undefined && { url }) })),
    [token, url],
  )
  useConnected(own)
  const client = own ?? provided
  if (client === null) throw new Error('useVehicleTracking needs a token, or a <RealtimeProvider> above it')
  const view = useMemo(() => viewOf(client, deviceId), [client, deviceId])
  const { fix, status } = useReadable(view)
  const { phase, error } = useReadable(client.connection)
  const location = fix?.location ?? null
  return { location, timestamp: fix?.timestamp ?? null, fix, status, connected: phase === 'online', error }
}

/** Subscribes with the first listener and ends with the last one, as a store for `useSyncExternalStore`. */
function viewOf(client: RealtimeClient, deviceId: string): Readable<DeviceView> {
  let view = NO_VIEW
  return {
    get: () => view,
    subscribe: listener =>
      client.trackDevice(deviceId, next => {
        view = next
        listener()
      }),
  }
}

export interface Devices {
  /** In order of their ids. */
  readonly devices: readonly LiveDevice[]
  /** The newest fix of each, when `positions` asks for it; else empty. */
  readonly positions: ReadonlyMap<string, LocationUpdate>
}

const NO_POSITIONS = constant<ReadonlyMap<string, LocationUpdate>>(new Map())

/**
 * The devices that one may see. Renders when one comes, goes, or goes online or offline; with `positions: true` also when any of them
 * moves, four times a second at the most.
 */
export function useDevices({ positions = false }: { readonly positions?: boolean } = {}): Devices {
  const client = useRealtimeClient()
  const all = useReadable(devicesOf(client))
  const where = useReadable(positions ? positionsOf(client) : NO_POSITIONS)
  const devices = useMemo(() => [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), [all])
  return { devices, positions: where }
}

/** Events of fences and rules that stand, newest first. */
export function useAlerts({ deviceId }: { readonly deviceId?: string } = {}): readonly AlertEvent[] {
  const all = useReadable(alertsOf(useRealtimeClient()))
  return useMemo(
    () => (deviceId === undefined ? all : all.filter(alert => alert.deviceId === deviceId)),
    [all, deviceId],
  )
}

export interface Sos {
  /** Open alerts of the devices that one may see, by device. */
  readonly open: ReadonlyMap<string, SosEvent>
  /** Of the SOS that was triggered here; null before. */
  readonly own: SosState | null
  readonly trigger: (options?: SosOptions) => Promise<SosSession>
  /** Takes back the one that was triggered here. */
  readonly cancel: (message?: string) => Promise<void>
  readonly acknowledge: (alertId: string, note?: string) => Promise<void>
  readonly resolve: (alertId: string, note?: string) => Promise<void>
}

const NO_SOS = constant<SosState | null>(null)

/** Calls for help, and who answers them. */
export function useSos(): Sos {
  const client = useRealtimeClient()
  const [session, setSession] = useState<SosSession | null>(null)
  const open = useReadable(openSosOf(client))
  const own = useReadable<SosState | null>(session?.state ?? NO_SOS)
  const trigger = useCallback(
    async (options?: SosOptions) => {
      const triggered = await client.triggerSos(options)
      setSession(triggered)
      return triggered
    },
    [client],
  )
  const cancel = useCallback(
    async (message?: string) => {
      if (session !== null) await client.cancelSos(session, message)
    },
    [client, session],
  )
  const acknowledge = useCallback((id: string, note?: string) => client.http.acknowledgeSos(id, note), [client])
  const resolve = useCallback(
    (id: string, note?: string) => client.http.resolveSos(id, note === undefined ? {} : { note }),
    [client],
  )
  return { open, own, trigger, cancel, acknowledge, resolve }
}

/** Fences, by id. */
export function useGeofences(): ReadonlyMap<string, FenceFeature> {
  return useReadable(fencesOf(useRealtimeClient()))
}

/** Whether a device is online, idle or offline, and since when; null while nobody knows. Renders when that changes. */
export function usePresence(deviceId: string): DeviceStatus | null {
  const client = useRealtimeClient()
  const view = useMemo(() => {
    let status: DeviceStatus | null = null
    return {
      get: () => status,
      subscribe: (listener: () => void) =>
        client.on(
          'status',
          ({ payload }) => {
            status = payload
            listener()
          },
          { deviceId },
        ),
    }
  }, [client, deviceId])
  return useReadable(view)
}

function constant<State>(state: State): Readable<State> {
  return { get: () => state, subscribe: () => () => undefined }
}
