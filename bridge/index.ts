/** Everything that is not MQTT: storage, the ingest pipeline, accounts and tokens, the HTTP API. */
export { type Account, type Accounts, createAccounts, type Session } from './auth/accounts.ts'
export type { ClaimMapping } from './auth/claim-mapping.ts'
export { type AccessAnswer, explainAccess, explainAccessOf } from './auth/explain-access.ts'
export { DEVICE_TTL_SECONDS } from './auth/lifetimes.ts'
export { type OutsideKeys, startOutsideKeys } from './auth/outside-keys.ts'
export { generatePassword } from './auth/passwords.ts'
export { Rights, type RightsChange } from './auth/rights.ts'
export { type KeyView, openSigningKeys, type SigningKeys } from './auth/signing-keys.ts'
export type { OutsideIssuer } from './auth/token-issuers.ts'
export { createTokens, type TokenRequest, type Tokens } from './auth/tokens.ts'
export { ACCOUNT_ROLES, createUser, createUsers, ensureFirstAccount, type Users } from './auth/users.ts'
export { watchSigningKeys } from './auth/watch-keys.ts'
export { CommandDesk } from './commands/command-desk.ts'
export type { CommandLink, CommandSender, CommandToSend, CommandType } from './commands/command-sender.ts'
export { type ImportAnswer, importTrack } from './history/import/import-track.ts'
export { startHomeAssistant } from './home-assistant/start-home-assistant.ts'
export { createHttpApp, type HttpAppOptions } from './http/app.ts'
export { createOsmandApp } from './http/osmand-app.ts'
export { readTime } from './http/query.ts'
export type { HealthCheck, PartHealth } from './http/routes/health.ts'
export { Hourly } from './ingest/clocks/hourly.ts'
export type {
  DeviceRegistration,
  FixBatch,
  FixResult,
  Ingest,
  IngestOptions,
  Publish,
  SentFix,
  SosCall,
  SosEscalation,
  SosPolicyChange,
  SosReply,
  SosTaken,
} from './ingest/ingest.ts'
export { startIngest } from './ingest/start-ingest.ts'
export type { MessageOrigin } from './ingest/unknown-devices.ts'
export { checkBridge } from './mqtt-bridge/check.ts'
export { reasonOf } from './mqtt-bridge/connection.ts'
export { bridgePrincipal } from './mqtt-bridge/incoming.ts'
export type { BridgeSettings, TopicMap } from './mqtt-bridge/settings.ts'
export { type Bridges, keepForBridges, startBridges } from './mqtt-bridge/start-bridges.ts'
export { filtersMeet, localFilter, remoteFilter } from './mqtt-bridge/topic-map.ts'
export { keepSaying, type Saying } from './phones/keep-saying.ts'
export { OWNTRACKS_COMMAND_TYPES } from './phones/owntracks-command-types.ts'
export { Certificates } from './provisioning/certificates.ts'
export { type ImportOutcome, importDevices } from './provisioning/import-devices.ts'
export { friendRules, type PhoneAddress, phoneSetup } from './provisioning/phone-setup.ts'
export { qrText } from './provisioning/qr-code.ts'
export { readDeviceArray, readDeviceCsv } from './provisioning/read-device-list.ts'
export { explain } from './replay/explain.ts'
export type { Explanation } from './replay/explanation.ts'
export { readReplayRequest } from './replay/replay-request.ts'
export { type ReplayAnswer, runReplay } from './replay/run-replay.ts'
export { timeWriter } from './replay/write-time.ts'
export { checkShareScope } from './share/share-area.ts'
export { createShareLinks, type ShareLinks } from './share/share-links.ts'
export { payloadInView } from './share/share-view.ts'
export { type Act, recordAudit } from './store/audit.ts'
export {
  acquireDataFolder,
  type DataFolderHolder,
  DataFolderInUseError,
  type DataFolderLock,
  readLock,
} from './store/data-folder-lock.ts'
export { type Database, DatabaseError, type Queryable, type Transaction } from './store/database.ts'
export { registerDevice, registerDeviceIn, registerDevicesIn } from './store/devices.ts'
export { migrate } from './store/migrate.ts'
export { type OpenDatabaseOptions, openDatabase } from './store/open-database.ts'
export type { OutgoingMessage } from './store/outbox.ts'
export { listDevices } from './store/queries/devices.ts'
export { organisationsOfDevice } from './store/queries/identities.ts'
export { revokeTokensBefore } from './store/revocations.ts'
export { pinTracker } from './store/tracker-pins.ts'
export { listUsers } from './store/users.ts'
export {
  alarmReportsOf,
  type DeviceAnswer,
  locationUpdatesOf,
  PROTOCOLS,
  sosOf,
  startTrackers,
  type TrackerDevice,
  type TrackerListener,
  TrackerRefused,
  type TrackerSink,
  type Trackers,
  telemetryOf,
} from './trackers/index.ts'
