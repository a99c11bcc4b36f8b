import type { LocationUpdate, RuleSettings } from '../../contract/index.ts'
import { type EngineEvent, engineFix, evaluateFix, type FenceIndex, unchanging } from '../../geofence-engine/index.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { inSlices } from './slices.ts'
import type { CommittedState } from './state-cache.ts'

export interface EvaluatedFix extends DeviceKey {
  readonly key: string
  readonly fix: LocationUpdate
}

export interface Evaluation {
  /** Changed states by device key, versions as they were read. */
  readonly states: Map<string, CommittedState>
  readonly events: { readonly org: string; readonly event: EngineEvent }[]
}

/**
 * Runs the rules over fixes in order of arrival, each device from the state given. A fix that is not newer than its device's newest
 * is stored elsewhere, but not evaluated. Changes nothing it was given.
 */
export async function evaluate(
  fixes: readonly EvaluatedFix[],
  committed: ReadonlyMap<string, CommittedState>,
  {
    fencesOf,
    groupsOf,
    rulesOf,
  }: {
    fencesOf(org: string): FenceIndex
    groupsOf(org: string, deviceId: string): readonly string[]
    rulesOf(org: string, deviceId: string): RuleSettings
  },
): Promise<Evaluation> {
  const states = new Map<string, CommittedState>()
  const events: Evaluation['events'] = []
  await inSlices(fixes, ({ key, org, deviceId, fix }) => {
    const before = states.get(key) ?? committed.get(key)!
    if (before.newest !== null && fix.timestamp <= before.newest.timestamp) return
    const device = { org, deviceId, groups: groupsOf(org, deviceId) }
    const evaluated = evaluateFix(
      unchanging(device, fencesOf(org), rulesOf(org, deviceId)),
      before.engine,
      engineFix(fix),
    )
    states.set(key, { ...before, newest: fix, engine: evaluated.state })
    for (const event of evaluated.events) events.push({ org, event })
  })
  return { states, events }
}
