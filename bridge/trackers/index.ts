/** Trackers that speak their makers' protocols. */
export { alarmReportsOf, locationUpdatesOf, sosOf, telemetryOf } from './location-updates.ts'
export type { DeviceAnswer } from './protocol-commands.ts'
export { PROTOCOLS } from './registry.ts'
export { type Origin, type TrackerDevice, TrackerRefused, type TrackerSink } from './sink.ts'
export { startTrackers, type TrackerListener, type Trackers, type TrackersOptions } from './start-trackers.ts'
