/** The geofence and SOS engine: pure functions from (state, fix, fences) to (state, events). Runs in the browser too. */
export { type CompiledFence, compileFence } from './compiled-fence.ts'
export type { Decision } from './decision.ts'
export { type Connectivity, type ConnectivityStep, stepConnectivity } from './device-rules/connectivity.ts'
export {
  type AlarmEpisode,
  type AlarmMemory,
  type AlarmNotice,
  disproves,
  expireAlarm,
  heedsAlarm,
  quietMsOf,
  raiseAlarm,
  settleAlarm,
} from './device-rules/device-alarm.ts'
export { farMetersOf, type ProximityState, type ProximityStep, stepProximity } from './device-rules/proximity.ts'
export {
  type Device,
  type DeviceState,
  emptyState,
  engineFix,
  type FenceMemory,
  type Fix,
  type PendingCrossing,
} from './device-state.ts'
export {
  type AskedUntil,
  type EngineEvent,
  type Evaluation,
  type Expectation,
  evaluateFenceChange,
  evaluateFix,
  expectedBy,
  isGeofenceEvent,
} from './evaluate.ts'
export { deviceEventId, episodeId, geofenceEventId, sosAlertId, sosEventId, sosReceivedId } from './event-id.ts'
export { FenceIndex } from './fence-index.ts'
export type { Bbox } from './geometry/bbox.ts'
export { causeGone, type Watched } from './incident-cause.ts'
export { deviceSignal, endedUnannounced, geofenceSignals, incidentKey, type Signal } from './incident-signal.ts'
export {
  answerIncident,
  type Episode,
  type IncidentAnswerGiven,
  type IncidentBook,
  type IncidentRecord,
  type Looked,
  lookAfter,
  lookAgain,
  releaseMembers,
  type TimelineEntry,
  type Withdrawal,
  withdrawIncidents,
} from './incidents.ts'
export { MAX_VERTICES, readFence } from './read-fence.ts'
export { readRuleSettings } from './read-rule-settings.ts'
export { FENCE_REASONS, type FenceReason } from './reasons.ts'
export { inOrder, runTrack, type TrackListener, TrackRun } from './run-track.ts'
export { simplifyTrack } from './simplify-track.ts'
export {
  acknowledgementId,
  answerSos,
  applySosRequest,
  escalateDue,
  escalateSos,
  isOpen,
  type SosAlert,
  type SosAnswerGiven,
  type SosReceipt,
  sosDueAt,
  sosOpenView,
} from './sos.ts'
export { type Surroundings, unchanging } from './surroundings.ts'
export { DEFAULT_TRIP_SETTINGS, type Trip, type TripEnd, TripFinder, type TripSettings } from './trips.ts'
