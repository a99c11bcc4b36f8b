import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type {
  CompleteIncidentSettings,
  ErrorCode,
  FenceFeature,
  IncidentSettings,
  Location,
  LocationUpdate,
  OwnTracksCard,
  OwnTracksWaypoint,
  ProximityRule,
  RuleSettings,
  SosCry,
  SosEvent,
  SosOutcome,
  SosPolicy,
} from '../../contract/index.ts'
import type { Act } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import type { DevicePlan } from '../store/devices.ts'
import type { ClockRepair } from '../store/fixes.ts'
import type { OutgoingMessage } from '../store/outbox.ts'
import type { RuleSubject } from '../store/rule-settings.ts'
import type { AnsweredIncident, IncidentReply } from './commit-incidents.ts'
import type { WaypointOutcome } from './commit-waypoint.ts'
import type { MessageOrigin, UnknownDevices } from './unknown-devices.ts'

export interface IngestOptions {
  /** Migrated. */
  readonly db: Database
  readonly logger: Logger
  readonly registry: Registry
  /** Milliseconds since the Unix epoch; the wall clock when left out. */
  readonly now?: (() => number) | undefined
  /** How many days raw fixes are kept; 0 = for ever. */
  readonly retentionRawDays: number
  /** Whether a device's own valid token registers it on first use (auto), or has to wait for a person (inbox). `auto` when left out. */
  readonly deviceAdoption?: 'auto' | 'inbox' | undefined
  /** Whether positions are kept for other brokers as they are stored; not when left out. */
  readonly keepsForBridges?: boolean | undefined
}

/** What became of one fix, committed before it is told. */
export type FixResult =
  | { readonly status: 'stored'; readonly repaired?: RepairedTime }
  /** Not stored: a newer fix of the device took its place. Of one that nobody waits for. */
  | { readonly status: 'thinned' }
  /** It was there already (as far as that can be told cheaply); nothing changed. */
  | { readonly status: 'repeated' }
  | { readonly status: 'refused'; readonly code: ErrorCode; readonly message: string }
  /** Kept for a person to judge; neither forwarded nor evaluated. */
  | { readonly status: 'set-aside'; readonly code: 'timestamp_future'; readonly message: string }

/** The fix is stored with another time than it was sent with. Milliseconds. */
export interface RepairedTime extends ClockRepair {
  readonly timestamp: number
}

export interface FixBatch {
  readonly org: string
  readonly deviceId: string
  /** Decoded, not yet validated; each is judged on its own. */
  readonly fixes: readonly unknown[]
  /** The schema of `LocationUpdate` was checked already. */
  readonly hasShape?: boolean | undefined
  readonly receivedAt: number
  /** The sender is the device itself: it is registered on first use. */
  readonly registers: boolean
  /**
   * Pass what is stored on to the subscribers of the device's location topic. For fixes that did not come through the broker,
   * which forwards its own; all but those with a repaired time, which it must not forward as they came.
   */
  readonly forward?: boolean | 'repaired'
  /** Whoever brings it has told the SOS among its `attributes.alarms` already. */
  readonly sosTold?: boolean | undefined
  /** The bridge by which it came from another broker: it does not go back there. */
  readonly bridge?: string | undefined
  /** What was sent, in bytes; for the bound of what waits. */
  readonly bytes?: number | undefined
  /** Its sender can come again: in overload it is refused while something of the device waits. Errors: overloaded. */
  readonly mayRefuse?: boolean | undefined
  /** Who sent it: told of when nobody knows the device. */
  readonly from?: MessageOrigin | undefined
}

/** A fix that came in a message of its own; the schema of `LocationUpdate` was checked. */
export interface SentFix {
  readonly org: string
  readonly deviceId: string
  readonly fix: LocationUpdate
  readonly receivedAt: number
  /** The sender is the device itself: it is registered on first use. */
  readonly registers: boolean
  /** As it was sent. */
  readonly bytes: number
  /** Who sent it: told of when nobody knows the device. */
  readonly from: MessageOrigin
  /** Called once, with what became of it after its commit, or with what failed. */
  readonly told: (outcome: FixResult | Error) => void
}

/** What a device says of itself at one moment, with a position or without. */
export interface AlarmReport {
  readonly timestamp: number
  /** By the names of the vocabulary; others mean nothing. */
  readonly alarms: readonly string[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly location?: Location | undefined
}

export interface AlarmCall {
  readonly org: string
  readonly deviceId: string
  readonly reports: readonly AlarmReport[]
}

export interface SosCall {
  readonly org: string
  readonly deviceId: string
  /** It says trigger or cancel; the rest is read generously. */
  readonly request: SosCry
  readonly receivedAt: number
  readonly registers: boolean
  /** Who sent it: a user or device id. */
  readonly principal: string
  readonly from?: MessageOrigin | undefined
}

export interface SosTaken {
  /** What could not be used of the request, a sentence each; the SOS stands. */
  readonly amended: readonly string[]
}

export interface SosReply {
  readonly org: string
  readonly alertId: string
  readonly action: 'acknowledge' | 'resolve'
  readonly by: string
  readonly note?: string | undefined
  /** Of a resolve. */
  readonly outcome?: SosOutcome | undefined
  readonly principal: string
  readonly receivedAt: number
}

export type SosEscalation = Omit<SosReply, 'action' | 'outcome'>

export interface SosPolicyChange {
  readonly org: string
  readonly policy: SosPolicy
  readonly principal: string
}

/** Which of the fixes that wait for a person's judgement. Times are of their receipt, milliseconds; `to` is exclusive. */
export interface SetAsideSelection {
  readonly org: string
  readonly id?: number | undefined
  readonly deviceId?: string | undefined
  readonly reason?: string | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Goes on behind this id. */
  readonly after?: number | undefined
  /** Devices the judge may see; null = all. */
  readonly visible: readonly string[] | null
  /** Who judges. */
  readonly by: string
}

/** With which time a fix is accepted; without either, the suggestion holds, else what was sent. */
export interface AcceptedTime {
  readonly timestamp?: number | undefined
  /** How far the clock was ahead. */
  readonly offsetSeconds?: number | undefined
}

export interface SetAsideJudgement {
  /** Ids that are judged now. */
  readonly judged: readonly number[]
  /** These wait on. */
  readonly refused: readonly { readonly id: number; readonly code: ErrorCode; readonly message: string }[]
  /** Where to go on when more of the selection wait; null at the end. */
  readonly next: number | null
}

export interface DeviceRegistration {
  readonly org: string
  readonly deviceId: string
  readonly name?: string | undefined
  readonly groups?: readonly string[] | undefined
}

export interface ClockCorrectionCall {
  readonly org: string
  readonly deviceId: string
  /** How far the device's clock is ahead; negative when it lags. */
  readonly offsetSeconds: number | null
  /** Who says so. */
  readonly by: string
}

export interface BacklogState {
  readonly fixes: number
  readonly bytes: number
  /** More comes than is stored: see {@link Ingest.unawaited}, {@link FixBatch.mayRefuse}. */
  readonly overloaded: boolean
}

/** Gives a message to the broker; resolves when the broker has taken it. */
export type Publish = (message: OutgoingMessage) => Promise<void>

/**
 * The pipeline from what devices and people send to what is stored and announced. Every promise resolves after the commit.
 * All reject with `shutting_down` once close() was called, and with `storage_unavailable` when the database stayed away until then.
 * An `act` that comes with a change is written into the audit log by the same transaction; a change that changes nothing leaves none.
 */
export interface Ingest {
  /** One result per fix, in order. Errors: device_unknown. */
  fixes(batch: FixBatch): Promise<FixResult[]>
  /**
   * One fix whose sender waits; with a repaired time it is passed on, as it must not be as it came.
   * @throws TrackwireError what checkFix does; overloaded
   */
  awaited(fix: SentFix): void
  /**
   * Takes a fix that nobody waits for: in overload a newer one of its device takes its place, and `told` is called only when there is something
   * to say. Returns whether subscribers may have it before it is stored: one of the future they may not. Undefined: it was not taken, for it
   * is one to wait for, of a device that is not known yet, with a time that is not what it seems, or with alarms.
   * @throws TrackwireError what checkFix does
   */
  unawaited(fix: SentFix): 'forward' | 'swallow' | undefined
  /**
   * What registered devices say of their alarms without a fix; those in the attributes of fixes are heard with the fixes. One that
   * is raised again begins nothing new.
   */
  alarms(call: AlarmCall): Promise<void>
  /** Committed before any waiting fixes. A repeated request changes nothing. Errors: device_unknown. */
  sos(call: SosCall): Promise<SosTaken>
  /** The event it caused, or the one that stands when it was answered so before. Errors: alert_unknown, alert_closed. */
  answerSos(reply: SosReply): Promise<SosEvent>
  /** Tells the next tier now; the event. Errors: alert_unknown, alert_closed. */
  escalateSos(call: SosEscalation): Promise<SosEvent>
  /** How the organisation escalates from now on, its open alerts too. */
  putSosPolicy(change: SosPolicyChange, act?: Act): Promise<void>
  /** Creates or replaces a fence; devices are evaluated against it at once. Errors: fence_invalid. */
  putFence(org: string, feature: FenceFeature, act?: Act): Promise<{ created: boolean }>
  /** All or nothing, in one transaction; the number of fences. Errors: fence_invalid. */
  importFences(org: string, features: readonly FenceFeature[], act?: Act): Promise<number>
  /** Whether there was such a fence. */
  deleteFence(org: string, fenceId: string, act?: Act): Promise<boolean>
  /**
   * A place of a phone becomes a fence for that phone alone; the fence of anybody else, or that somebody changed, stays as it is.
   * The device is registered. Errors: fence_invalid.
   */
  putWaypoint(device: DeviceKey, waypoint: OwnTracksWaypoint): Promise<WaypointOutcome>
  /** Who carries a phone, for those who may see it. The device is registered. */
  putCard(device: DeviceKey, card: OwnTracksCard): Promise<void>
  /** Sets rules that {@link readRuleSettings} read, or takes them away (null); they count from each device's next fix. Errors: payload_invalid. */
  setRules(subject: RuleSubject, settings: RuleSettings | null, act?: Act): Promise<void>
  /** Registers a device, or changes the name and groups that are given; new groups count from its next fix. `kept` tells how many fixes were heard before and are history now. */
  registerDevice(device: DeviceRegistration, act?: Act): Promise<{ created: boolean; kept: number }>
  /** The same for many of one organisation, each once: all of them, or none. */
  registerDevices(org: string, devices: readonly Omit<DeviceRegistration, 'org'>[], act?: Act): Promise<DevicePlan>
  /** The inbox of devices that nobody knows. */
  readonly unknownDevices: UnknownDevices
  /** Whether a fix of this sender registers the device or is of one that is: from memory. */
  isAdmitted(batch: Pick<FixBatch, 'org' | 'deviceId' | 'registers'>): boolean
  /** Corrects the times of a device from its next fix on; null takes that back. Errors: device_unknown. */
  correctClock(correction: ClockCorrectionCall, act?: Act): Promise<void>
  /** Fixes that were set aside become fixes of their device, up to 1,000 a call. */
  acceptSetAside(selection: SetAsideSelection, time: AcceptedTime, act?: Act): Promise<SetAsideJudgement>
  /** Fixes that were set aside stay out for good, up to 1,000 a call. */
  dropSetAside(selection: SetAsideSelection, act?: Act): Promise<SetAsideJudgement>
  /** A device's MQTT session began, or ended while it has no other. */
  deviceSession(session: { readonly org: string; readonly deviceId: string; readonly connected: boolean }): void
  /** Two clients use the identity of one device: an incident that stays open until a person closes it. */
  identityClash(clash: { readonly org: string; readonly deviceId: string; readonly timestamp: number }): Promise<void>
  /** From memory, by id. */
  proximityRules(org: string): { id: string; rule: ProximityRule }[]
  /** Whether it is new. Errors: payload_invalid. */
  putProximityRule(org: string, ruleId: string, rule: ProximityRule, act?: Act): Promise<boolean>
  /** Whether there was such a rule. */
  deleteProximityRule(org: string, ruleId: string, act?: Act): Promise<boolean>
  /** One outcome for each incident; repeats of an answer change nothing. */
  answerIncidents(reply: IncidentReply): Promise<AnsweredIncident[]>
  /** From memory, defaults filled in. */
  incidentSettings(org: string): CompleteIncidentSettings
  /** Replaces an organisation's settings; they count from the next event. */
  setIncidentSettings(org: string, settings: IncidentSettings, act?: Act): Promise<void>
  /** What waits to be stored. */
  readonly backlog: BacklogState
  /** From memory. */
  deviceExists(org: string, deviceId: string): boolean
  /** Begins to announce: first what a crash left in the outbox, then everything committed. Once. */
  announce(publish: Publish): Promise<void>
  /** Makes an embedded database ready for the first fixes, as long as nothing else comes; nothing of it is stored or told. Never rejects. */
  warmUp(): Promise<void>
  /** Stops accepting, commits what is queued, empties the outbox as far as it can. Idempotent. */
  close(): Promise<void>
}
