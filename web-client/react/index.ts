/** React hooks on the SDK, for React 18 and 19. */
export {
  type Devices,
  type RealtimeConnection,
  type RealtimeGps,
  type Sos,
  useAlerts,
  useDataAge,
  useDevices,
  useGeofences,
  usePresence,
  useRealtimeConnection,
  useRealtimeGPS,
  useSos,
  useVehicleTracking,
  type VehicleTracking,
} from './hooks.ts'
export { RealtimeProvider, type RealtimeProviderProps, useRealtimeClient } from './provider.ts'
export { useReadable } from './use-readable.ts'
