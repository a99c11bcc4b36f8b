/** The wire: topics, payloads, rights, errors. Leaf; runs in the browser too. */
export { type Decision, decideFilter, decideTopic, maySeeDevice, visibleDevices } from './access.ts'
export { type Considered, type Explained, explainDecision } from './access-explanation.ts'
export { type Acl, type AclNames, AclRule, type Action, fillAcl, type Manner, type Qos } from './acl.ts'
export { asyncApiDocument } from './asyncapi.ts'
export {
  CHANNEL_NAMES,
  CHANNELS,
  type Channel,
  type ChannelName,
  type MessageClass,
  type PayloadOf,
  type Rights,
  type Scope,
} from './channels.ts'
export { Claims, type Principal, principalOf, ROLES, type Role } from './claims.ts'
export {
  COMMAND_STATES,
  Command,
  CommandRequest,
  CommandResult,
  type CommandState,
  DeviceCommand,
  WAITING_REASONS,
  type WaitingReason,
} from './command.ts'
export {
  ALARM_EVENT_KINDS,
  ALARMS,
  type Alarm,
  AlarmEventKind,
  defaultQuietSeconds,
  isAlarmEventKind,
} from './device-alarm.ts'
export { DEVICE_EVENT_KINDS, DeviceEvent, DeviceEventKind } from './device-event.ts'
export { DeviceStatus } from './device-status.ts'
export { ErrorNotice } from './error-notice.ts'
export { ERRORS, type ErrorCode, TrackwireError } from './errors.ts'
export { FenceFeature, FenceGeometry, FenceProperties, FenceSchedule, NoiseFilter } from './fence.ts'
export { GeofenceEvent, GeofenceEventKind, GeofenceTransition } from './geofence-event.ts'
export { HomeAssistantAttributes, HomeAssistantConfig } from './home-assistant.ts'
export { ID_PATTERN, Id, isId, isOrg, ORG_PATTERN, Org, TimestampMs } from './ids.ts'
export {
  CAUSES_GONE,
  type CauseGone,
  CLOSING_REASONS,
  type ClosingReason,
  type CompleteIncidentSettings,
  completeIncidentSettings,
  DEFAULT_INCIDENT_SETTINGS,
  INCIDENT_KINDS,
  Incident,
  IncidentAnswer,
  IncidentChange,
  IncidentKind,
  IncidentSettings,
  IncidentState,
  mayStorm,
} from './incident.ts'
export { type AddressLimit, DEFAULT_LIMITS, type LimitSettings, NO_LIMITS } from './limit-settings.ts'
export {
  FUTURE_TOLERANCE_MS,
  GPS_EPOCH_MS,
  Location,
  LocationBatch,
  LocationUpdate,
  MAX_BATCH,
} from './location-update.ts'
export {
  isOwnTracks,
  isOwnTracksFilter,
  type OwnTracksContent,
  OwnTracksFix,
  type OwnTracksMessage,
  parseOwnTracksTopic,
  readOwnTracks,
} from './owntracks.ts'
export { encodeOwnTracksCommand, OWNTRACKS_COMMANDS, type OwnTracksCommandName } from './owntracks-commands.ts'
export {
  cardForFriends,
  friendTopic,
  locationForFriends,
  type OwnTracksCard,
  parseFriendTopic,
  phoneTopic,
  trackerIdOf,
} from './owntracks-friends.ts'
export { MAX_WAYPOINTS, type OwnTracksWaypoint } from './owntracks-waypoints.ts'
export {
  checkCry,
  checkFix,
  checkPayloadSize,
  checkPlausible,
  checkSchema,
  checkStorable,
  compileAll,
  decodeJson,
  decodePayload,
  MAX_PAYLOAD_BYTES,
} from './payloads.ts'
export { ProximityRule } from './proximity.ts'
export { type BucketOwner, bucketOwner } from './rate-class.ts'
export { errorPage, topicPage } from './reference-pages.ts'
export {
  AlarmSettings,
  IdleSettings,
  LowBatterySettings,
  MotionSettings,
  OfflineSettings,
  OffRouteSettings,
  OverspeedSettings,
  type RuleName,
  RuleSettings,
  TowSettings,
} from './rule-settings.ts'
export { isSameShare } from './share-access.ts'
export { isShareOpen, MAX_AREA_VERTICES, MAX_SHARED_DEVICES, ShareArea, ShareScope } from './share-scope.ts'
export { sharedFix, sharedStatus, snapToGrid } from './share-view.ts'
export { SosAnswer, SosCry, SosEvent, SosOutcome, SosRequest, SosTrailPoint, SosTransition } from './sos.ts'
export { checkSosPolicy, DEFAULT_SOS_POLICY, SosPolicy, SosTier } from './sos-policy.ts'
export { type ReadSos, readSosRequest } from './sos-request.ts'
export {
  buildFilter,
  buildTopic,
  channelsUnder,
  coversFilter,
  isFilter,
  matchesFilter,
  type ParsedTopic,
  parseTopic,
  type TopicParams,
} from './topics.ts'
