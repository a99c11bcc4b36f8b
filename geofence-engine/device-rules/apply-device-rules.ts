import type { DeviceEvent, DeviceEventKind, RuleSettings } from '../../contract/index.ts'
import type { CompiledFence } from '../compiled-fence.ts'
import type { Decision } from '../decision.ts'
import type { Device, DeviceState, Fix } from '../device-state.ts'
import { deviceEventId, episodeId } from '../event-id.ts'
import { appliesTo } from '../rules/applies-to.ts'
import type { Surroundings } from '../surroundings.ts'
import {
  CLOSED,
  type DeviceRule,
  endOf,
  OPEN,
  type RuleContext,
  type RuleMemory,
  type SpeedLimit,
  type Verdict,
} from './device-rule.ts'
import { idle } from './idle.ts'
import { lowBattery } from './low-battery.ts'
import { motion } from './motion.ts'
import { offRoute } from './off-route.ts'
import { type OverspeedMemory, overspeed } from './overspeed.ts'
import { tow } from './tow.ts'

type FixRuleName = Exclude<keyof RuleSettings, 'offline' | 'alarms'>
type AnyRule = DeviceRule<never, RuleMemory>

/** The rules that a device's own fixes decide, in the order in which their events come. */
const RULES: Readonly<Record<FixRuleName, { readonly event: DeviceEventKind; readonly rule: AnyRule }>> = {
  overspeed: { event: 'overspeed', rule: overspeed as AnyRule },
  idle: { event: 'idle', rule: idle as AnyRule },
  motion: { event: 'moving', rule: motion as AnyRule },
  tow: { event: 'tow', rule: tow as AnyRule },
  lowBattery: { event: 'low-battery', rule: lowBattery as AnyRule },
  offRoute: { event: 'off-route', rule: offRoute as AnyRule },
}
const NAMES = Object.keys(RULES) as FixRuleName[]

export interface RulesApplied {
  /** For the state: what the rules remember; undefined when that is nothing. */
  readonly rules: DeviceState['rules']
  readonly events: DeviceEvent[]
  readonly decisions: Decision[]
}

/**
 * Runs the rules of a device over a fix that is newer than its state. An episode whose rule was switched off ends with this fix:
 * what nobody watches any more must not stay open.
 * @param covering the fences that cover the fix's position
 */
export function applyDeviceRules(
  surroundings: Surroundings,
  state: DeviceState,
  fix: Fix,
  covering: Iterable<CompiledFence>,
): RulesApplied {
  const { device, rules: settings } = surroundings
  const before = state.rules
  const nothingSet = before === undefined && !NAMES.some(name => settings[name])
  const speedLimits = speedLimitsOf(covering, device, fix.timestamp)
  const fenceLimit = speedLimits.length > 0 && settings.overspeed === undefined
  if ((nothingSet && !fenceLimit) || fix.timestamp <= surroundings.settledUntil(surroundings.epoch)) {
    return { rules: before, events: [], decisions: [] }
  }

  const context: RuleContext = {
    previous: state.newest,
    speedLimits,
    fence: fenceId => surroundings.fences.get(fenceId),
  }
  const after: Record<string, unknown> = { ...before }
  const events: DeviceEvent[] = []
  const decisions: Decision[] = []
  for (const name of NAMES) {
    const memory = before?.[name] as RuleMemory | undefined
    const own = settings[name] ?? (name === 'overspeed' ? limitsOfFences(settings, memory, fenceLimit) : undefined)
    if (own === undefined && memory === undefined) continue
    const { event, rule } = RULES[name]
    const step = own === undefined ? switchedOff(event, memory, fix) : rule(memory, fix, own as never, context)
    if (step.memory === undefined) delete after[name]
    else after[name] = step.memory
    for (const verdict of step.verdicts) {
      if (isSettled(surroundings, verdict, fix.timestamp)) continue
      const announced = eventOf(device, verdict, own?.severity)
      if (announced !== undefined) events.push(announced)
      decisions.push(decisionOf(name, fix, verdict, announced))
    }
  }
  return { rules: Object.keys(after).length === 0 ? undefined : after, events, decisions }
}

/** `overspeed` that nobody set or switched off heeds the limits of fences, and ends what it began. */
function limitsOfFences(
  { overspeed }: RuleSettings,
  memory: OverspeedMemory | undefined,
  fenceLimit: boolean,
): (RuleSettings['overspeed'] & object) | undefined {
  if (overspeed === null) return undefined
  return fenceLimit || memory?.open !== undefined || memory?.pending !== undefined ? {} : undefined
}

function switchedOff(event: DeviceEventKind, memory: RuleMemory | undefined, fix: Fix) {
  if (memory?.open === undefined) return { memory: undefined, verdicts: [] }
  const notice = endOf(event, memory.open, fix)
  const verdict: Verdict = {
    event,
    notice,
    reason: 'rule_off',
    text: 'the rule was switched off',
    before: OPEN,
    after: CLOSED,
  }
  return { memory: undefined, verdicts: [verdict] }
}

/** What a fence had to do with, up to when it was changed: that stands as it was, whatever the fence says now. */
function isSettled({ fences, settledUntil }: Surroundings, { notice }: Verdict, timestamp: number): boolean {
  if (notice?.fenceId === undefined) return false
  const fence = fences.get(notice.fenceId)
  return fence !== undefined && timestamp <= settledUntil(fence.epoch)
}

const NO_LIMITS: readonly SpeedLimit[] = []

/** Of the fences that concern the device and are in force, in order of their ids. */
function speedLimitsOf(covering: Iterable<CompiledFence>, device: Device, timestamp: number): readonly SpeedLimit[] {
  let limits: SpeedLimit[] | undefined
  for (const { feature, schedule } of covering) {
    const { properties } = feature
    if (properties.speedLimit === undefined || !appliesTo(properties, device)) continue
    if (schedule !== null && !schedule.activeAt(timestamp)) continue
    limits ??= []
    limits.push({ limit: properties.speedLimit, fenceId: feature.id })
  }
  return limits?.sort((a, b) => (a.fenceId < b.fenceId ? -1 : 1)) ?? NO_LIMITS
}

function eventOf(
  { org, deviceId }: Device,
  { notice }: Verdict,
  severity: string | undefined,
): DeviceEvent | undefined {
  if (notice === undefined) return undefined
  const { event, phase, episode, timestamp, location, ...measured } = notice
  return {
    id: deviceEventId(org, deviceId, event, phase, timestamp),
    event,
    phase,
    ...(episode !== undefined && { episode: episodeId(org, deviceId, event, episode) }),
    deviceId,
    timestamp,
    location,
    ...measured,
    ...(severity !== undefined && { severity }),
  }
}

function decisionOf(
  subject: string,
  { timestamp, location }: Fix,
  { event, reason, text, before, after }: Verdict,
  announced: DeviceEvent | undefined,
): Decision {
  return {
    timestamp,
    subject,
    kind: 'rule',
    outcome: announced === undefined ? 'suppressed' : 'announced',
    event,
    ...(announced !== undefined && { eventId: announced.id }),
    reason,
    text,
    location,
    before,
    after,
  }
}
