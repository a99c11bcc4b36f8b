import { ALARM_EVENT_KINDS, type FenceProperties, type IncidentKind, type RuleSettings } from '../../contract/index.ts'
import { causeGone } from '../../geofence-engine/index.ts'
import type { Queryable } from '../store/database.ts'
import { listOpen } from '../store/incidents.ts'
import { insertOutbox, type OutboxRow } from '../store/outbox.ts'
import { forgetOffline } from './commit-connectivity.ts'
import type { Pipeline } from './pipeline.ts'

/** What is looked at: incidents of some fences, of one device, or all; and what it will be like after the change. */
export interface ChangedWatch {
  readonly org: string
  readonly fenceIds?: readonly string[]
  readonly deviceId?: string
  /** As they are when left out. */
  readonly fence?: (fenceId: string) => FenceProperties | undefined
  readonly groups?: (deviceId: string) => readonly string[]
  readonly rules?: (deviceId: string, groups: readonly string[]) => RuleSettings
}

const OF_FENCES: readonly IncidentKind[] = ['geofence', 'overstay', 'overspeed', 'off-route']
const OF_DEVICES: readonly IncidentKind[] = [...new Set([...OF_FENCES, 'offline' as const, ...ALARM_EVENT_KINDS])]

/**
 * Closes the open incidents whose cause goes with a change of fences, rules or groups, within the transaction of that change.
 * @returns what is to be announced: their emptied topics
 */
export async function closeCauseless(
  pipeline: Pipeline,
  tx: Queryable,
  { org, fenceIds, deviceId, ...after }: ChangedWatch,
): Promise<OutboxRow[]> {
  const { incidents, fences, rules, devices, now } = pipeline
  const {
    fence = id => fences.of(org).get(id)?.feature.properties,
    groups: groupsOf = id => devices.groups(org, id),
    rules: rulesOf = (id, groups) => rules.of(org, id, groups).rules,
  } = after
  if (fenceIds === undefined) {
    const isWatched = (id: string) => Boolean(rulesOf(id, groupsOf(id)).offline)
    await forgetOffline(pipeline, tx, { org, deviceId, isWatched })
  }
  const open = await listOpen(tx, org, {
    kinds: fenceIds === undefined ? OF_DEVICES : OF_FENCES,
    ...(fenceIds !== undefined && { fenceIds }),
    ...(deviceId !== undefined && { deviceId }),
  })
  const gone = open.flatMap(({ key, incident }) => {
    const id = incident.deviceId!
    const groups = groupsOf(id)
    const watched = { device: { org, deviceId: id, groups }, rules: rulesOf(id, groups), fence }
    const reason = causeGone(incident, watched)
    return reason === undefined ? [] : [{ key, reason }]
  })
  const messages = await incidents.withdraw(tx, org, gone, now())
  return insertOutbox(tx, messages, now())
}
