import { isDeepStrictEqual } from 'node:util'
import { type CauseGone, type DeviceEvent, type ProximityRule, TrackwireError } from '../../contract/index.ts'
import {
  deviceEventId,
  engineFix,
  episodeId,
  farMetersOf,
  incidentKey,
  type ProximityStep,
  stepProximity,
} from '../../geofence-engine/index.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import type { Queryable } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { ensureOrganisations } from '../store/devices.ts'
import { insertOutbox, type OutboxRow } from '../store/outbox.ts'
import {
  deleteProximityRule,
  forgetPairs,
  lockProximity,
  type ProximityPair,
  saveProximity,
  saveProximityRule,
} from '../store/proximity.ts'
import { countEvents } from './metrics.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import type { PairToJudge } from './proximity.ts'
import { keyOf } from './state-cache.ts'
import { type NewEvent, storeEvents } from './store-events.ts'

/** Judges the pairs of devices that moved, by their newest positions; late fixes are no newest ones. */
export async function commitProximity(pipeline: Pipeline, moved: readonly DeviceKey[]): Promise<void> {
  const { db, now, states, proximity, announcer, metrics, eventListener } = pipeline
  const pairs = new Map<string, PairToJudge>()
  for (const device of moved) for (const pair of proximity().pairsOf(device)) pairs.set(pairKey(pair), pair)
  if (pairs.size === 0) return
  const devices = new Map<string, DeviceKey>()
  for (const { org, deviceId, otherDeviceId } of pairs.values()) {
    for (const id of [deviceId, otherDeviceId]) devices.set(keyOf({ org, deviceId: id }), { org, deviceId: id })
  }
  const committed = await persist(async () => {
    const known = await states.load(db, devices)
    const nowMs = now()
    return db.transaction(async tx => {
      const before = new Map((await lockProximity(tx, [...pairs.values()])).map(row => [pairKey(row), row.state]))
      const changed: Parameters<typeof saveProximity>[1][number][] = []
      const events: NewEvent[] = []
      for (const [key, pair] of pairs) {
        const { org, ruleId, deviceId, otherDeviceId, rule } = pair
        const newest = [deviceId, otherDeviceId].map(id => known.get(keyOf({ org, deviceId: id }))?.newest ?? null)
        if (newest[0] === null || newest[1] === null) continue
        const [a, b] = [engineFix(newest[0]!), engineFix(newest[1]!)]
        const remembered = before.get(key) ?? null
        const step = stepProximity(rule, remembered, { a, b, nowMs })
        if (JSON.stringify(step.state) === JSON.stringify(remembered)) continue
        changed.push({ org, ruleId, deviceId, otherDeviceId, state: step.state })
        if (step.change !== undefined) {
          const event = eventOf(pair, { ...step.change, location: a.location })
          events.push({ org, event, causeTime: null })
        }
      }
      await saveProximity(tx, changed)
      return storeEvents(tx, { events, retracted: [], amended: [] }, { nowMs, listener: eventListener })
    })
  }, pipeline)
  countEvents(metrics, committed.changes)
  announcer.enqueue(committed.outbox)
}

/** Sets a rule; pairs that were near by another one of its name are so no more, and begin anew. Errors: payload_invalid. @returns whether it is new */
export async function commitProximityRule(
  pipeline: Pipeline,
  { org, ruleId, rule }: { readonly org: string; readonly ruleId: string; readonly rule: ProximityRule },
  act?: Act,
): Promise<boolean> {
  const { db, now, proximity, announcer } = pipeline
  checkRule(rule)
  const known = proximity().rule(org, ruleId)
  if (isDeepStrictEqual(known, rule)) return false
  const { created, outbox } = await persist(
    () =>
      db.transaction(async tx => {
        await ensureOrganisations(tx, [org], now())
        const created = await saveProximityRule(tx, { org, ruleId, rule }, now())
        if (act !== undefined) await recordAudit(tx, act, now())
        return { created, outbox: await forgetNear(pipeline, tx, { org, ruleIds: [ruleId], reason: 'rule-changed' }) }
      }),
    pipeline,
  )
  proximity().put({ org, ruleId, rule })
  announcer.enqueue(outbox)
  return created
}

/** No event comes of pairs that were near; their incidents are closed. @returns whether there was such a rule */
export async function commitProximityDeletion(
  pipeline: Pipeline,
  { org, ruleId }: { readonly org: string; readonly ruleId: string },
  act?: Act,
): Promise<boolean> {
  const { db, now, proximity, announcer } = pipeline
  const { existed, outbox } = await persist(
    () =>
      db.transaction(async tx => {
        const outbox = await forgetNear(pipeline, tx, { org, ruleIds: [ruleId], reason: 'rule-deleted' })
        const existed = await deleteProximityRule(tx, org, ruleId)
        if (existed && act !== undefined) await recordAudit(tx, act, now())
        return { existed, outbox }
      }),
    pipeline,
  )
  proximity().remove(org, ruleId)
  announcer.enqueue(outbox)
  return existed
}

/** Rules no longer watch pairs: what is remembered of these is dropped, and no incident of theirs stays open. */
export async function forgetNear(
  { incidents, now }: Pipeline,
  tx: Queryable,
  { reason, ...pairs }: { org: string; ruleIds: readonly string[]; otherDeviceId?: string; reason: CauseGone },
): Promise<OutboxRow[]> {
  const { org } = pairs
  // Two rules may watch one pair: the incident is over with the last of them.
  const gone = new Map<string, string[]>()
  for (const { ruleId, deviceId, otherDeviceId, state } of await forgetPairs(tx, pairs)) {
    if (state.nearSince === undefined) continue
    const key = incidentKey('near', deviceId, otherDeviceId)
    const episode = episodeId(org, deviceId, 'near', state.nearSince, otherDeviceId, ruleId)
    gone.set(key, [...(gone.get(key) ?? []), episode])
  }
  const withdrawals = [...gone].map(([key, episodes]) => ({ key, episodes, reason }))
  const messages = await incidents.withdraw(tx, org, withdrawals, now())
  return insertOutbox(tx, messages, now())
}

function checkRule(rule: ProximityRule): void {
  const { devices, group, nearMeters, farMeters } = rule
  const refuse = (path: string, fault: string): never => {
    throw new TrackwireError('payload_invalid', `${path}: ${fault}`, { details: { path } })
  }
  if (devices.length === 2 && group !== undefined) refuse('/group', 'name two devices, or one and a group')
  if (devices.length === 1 && group === undefined) refuse('/devices', 'name two devices, or one and a group')
  if (farMeters !== undefined && farMeters < nearMeters) refuse('/farMeters', 'has to be at least nearMeters')
}

function eventOf(
  { org, ruleId, deviceId, otherDeviceId, rule }: PairToJudge,
  change: NonNullable<ProximityStep['change']> & { location: DeviceEvent['location'] },
): DeviceEvent {
  const { event, at, since, meters, closest, location } = change
  const phase = event === 'near' ? 'begin' : 'end'
  return {
    id: deviceEventId(org, deviceId, event, phase, at, otherDeviceId, ruleId),
    event,
    phase,
    episode: episodeId(org, deviceId, 'near', since, otherDeviceId, ruleId),
    deviceId,
    otherDeviceId,
    timestamp: at,
    ...(location !== undefined && { location }),
    value: Math.round(meters * 10) / 10,
    limit: event === 'near' ? rule.nearMeters : farMetersOf(rule),
    ...(event === 'far' && { maximum: Math.round(closest * 10) / 10, seconds: (at - since) / 1_000 }),
    ...(rule.severity !== undefined && { severity: rule.severity }),
  }
}

function pairKey({ org, ruleId, deviceId, otherDeviceId }: ProximityPair): string {
  return `${org}/${ruleId}/${deviceId}/${otherDeviceId}`
}
