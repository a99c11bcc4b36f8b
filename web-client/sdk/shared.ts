/** What browsers and Node.js have in common. */
export type {
  Command,
  DeviceEvent,
  DeviceStatus,
  ErrorNotice,
  FenceFeature,
  GeofenceEvent,
  Location,
  LocationUpdate,
  SosEvent,
  SosTrailPoint,
} from '../../contract/index.ts'
export type { Channel, Message, ParamsOf } from './channels.ts'
export type { DeviceView } from './device-view.ts'
export { RealtimeError } from './errors.ts'
export type { Gap } from './feed.ts'
export type { AlertEvent, CommandRequest, Device, HttpApi, Page, PageQuery, SosAlert, TimeRange } from './http.ts'
export { login } from './login.ts'
export type { ConnectionState, RealtimeOptions, Runtime } from './options.ts'
export { bufferedText, type OutboxPolicy, type OutboxProgress } from './outbox.ts'
export {
  memoryOutbox,
  type NewEntry,
  type OpenOutboxStore,
  type OutboxEntry,
  type OutboxStore,
} from './outbox-store.ts'
export type { Queued } from './outgoing.ts'
export { isDue, isMoving, type SamplingPolicy } from './sampling.ts'
export type { SosOptions, SosSession, SosState } from './sos.ts'
export type { Readable } from './store.ts'
export type { ClientEvents } from './subscriptions.ts'
export type { TokenProvider } from './token.ts'
export type { PositionSource, TrackingOptions, TrackingSession, TrackingState } from './tracking.ts'
export {
  alertsOf,
  devicesOf,
  fencesOf,
  type LiveDevice,
  openSosOf,
  positionsOf,
} from './views.ts'
