import {
  type CauseGone,
  type FenceProperties,
  type Incident,
  type IncidentKind,
  isAlarmEventKind,
  type RuleName,
  type RuleSettings,
} from '../contract/index.ts'
import { heedsAlarm } from './device-rules/device-alarm.ts'
import type { Device } from './device-state.ts'
import { appliesTo } from './rules/applies-to.ts'

/** What is watched of a device. */
export interface Watched {
  readonly device: Device
  readonly rules: RuleSettings
  /** Undefined: there is no such fence. */
  fence(fenceId: string): FenceProperties | undefined
}

const RULE_OF: Partial<Record<IncidentKind, RuleName>> = {
  offline: 'offline',
  overspeed: 'overspeed',
  idle: 'idle',
  tow: 'tow',
  'low-battery': 'lowBattery',
  'off-route': 'offRoute',
}
/** Without this a fence does not ask for incidents of the kind. */
const ASKED_BY: Partial<Record<IncidentKind, keyof FenceProperties>> = {
  geofence: 'severity',
  overstay: 'maxStaySeconds',
  overspeed: 'speedLimit',
}

/**
 * Whether an open incident of one device is about something that nobody watches any more. That of two devices which are near is
 * told by what is remembered of them, and that of many (a storm) by those in it: never here.
 */
export function causeGone(
  { kind, fenceId, source }: Pick<Incident, 'kind' | 'fenceId' | 'source'>,
  { device, rules, fence }: Watched,
): CauseGone | undefined {
  if (source === 'device') return isAlarmEventKind(kind) && !heedsAlarm(rules.alarms, kind) ? 'rule-off' : undefined
  const rule = RULE_OF[kind]
  if (rule !== undefined && isOff(rule, rules, fenceId)) return 'rule-off'
  if (fenceId === undefined) return undefined
  const properties = fence(fenceId)
  if (properties === undefined) return 'fence-deleted'
  const asked = ASKED_BY[kind]
  if (asked === undefined) return undefined
  return properties[asked] === undefined || !appliesTo(properties, device) ? 'fence-changed' : undefined
}

/** The limit of a fence is heeded unless `overspeed` is switched off. */
function isOff(name: RuleName, rules: RuleSettings, fenceId: string | undefined): boolean {
  if (name !== 'overspeed') return !rules[name]
  return rules.overspeed === null || (fenceId === undefined && rules.overspeed?.limit === undefined)
}
