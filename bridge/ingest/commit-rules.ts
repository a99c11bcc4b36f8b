import { isDeepStrictEqual } from 'node:util'
import { type RuleSettings, TrackwireError } from '../../contract/index.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import { ensureOrganisations } from '../store/devices.ts'
import { nextEpoch } from '../store/epochs.ts'
import { type RuleSubject, upsertRuleSettings } from '../store/rule-settings.ts'
import { closeCauseless } from './close-causeless.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'

/**
 * Sets the rules of an organisation, a group or a device, or takes them away (null). They count from each device's next fix; what
 * came of its fixes so far is settled. Incidents of a rule that is off with it are closed at once: that fix may never come.
 * Nothing changes when they are so already. Errors: payload_invalid.
 */
export async function commitRules(
  pipeline: Pipeline,
  subject: RuleSubject,
  settings: RuleSettings | null,
  act?: Act,
): Promise<void> {
  const { db, rules, fences, announcer, now } = pipeline
  if (isDeepStrictEqual(rules.settings(subject), settings)) return
  checkCorridor(pipeline, subject, settings)
  const { row, outbox } = await persist(
    () =>
      db.transaction(async tx => {
        await ensureOrganisations(tx, [subject.org], now())
        const row = { ...subject, settings, epoch: await nextEpoch(tx, subject.org) }
        await upsertRuleSettings(tx, row, now())
        if (act !== undefined) await recordAudit(tx, act, now())
        const outbox = await closeCauseless(pipeline, tx, {
          org: subject.org,
          ...(subject.scope === 'device' && { deviceId: subject.subject }),
          rules: (deviceId, groups) => rules.ofChanged(row, deviceId, groups),
        })
        return { row, outbox }
      }),
    pipeline,
  )
  rules.put(row)
  pipeline.connectivity().rulesChanged(subject.org)
  fences.reached(subject.org, row.epoch)
  announcer.enqueue(outbox)
}

/** A route that is a fence has to be there, though it may go later, and to be a corridor. */
function checkCorridor({ fences }: Pipeline, { org }: RuleSubject, settings: RuleSettings | null): void {
  const fenceId = settings?.offRoute?.fenceId
  if (fenceId === undefined) return
  const type = fences.of(org).get(fenceId)?.feature.geometry.type
  if (type === 'LineString') return
  const fault =
    type === undefined ? `there is no fence ${fenceId}` : `the fence ${fenceId} is a ${type}, not a corridor`
  const path = '/offRoute/fenceId'
  throw new TrackwireError('payload_invalid', `${path}: ${fault}`, { details: { path } })
}
