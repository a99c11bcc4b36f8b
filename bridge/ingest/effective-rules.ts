import type { RuleName, RuleSettings } from '../../contract/index.ts'
import type { RuleScope, RuleSettingsRow } from '../store/rule-settings.ts'

/** Where the settings of a rule come from; `subject` is the group's or the device's id. */
export type RuleSource = Pick<RuleSettingsRow, 'scope' | 'subject'>

export interface EffectiveRules {
  /** What is in force; null: switched off. */
  readonly rules: RuleSettings
  readonly sources: Readonly<Partial<Record<RuleName, RuleSource>>>
}

const WIDTH: Readonly<Record<RuleScope, number>> = { organisation: 0, group: 1, device: 2 }

/**
 * What is in force for a device whose organisation, groups and own settings these are: the narrower wins, rule by rule and as a
 * whole; of several groups the last in alphabetical order.
 */
export function effectiveRules(settings: readonly Omit<RuleSettingsRow, 'org' | 'epoch'>[]): EffectiveRules {
  const ordered = [...settings].sort(
    (a, b) => WIDTH[a.scope] - WIDTH[b.scope] || (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0),
  )
  const sources: Partial<Record<RuleName, RuleSource>> = {}
  for (const { scope, subject, settings } of ordered) {
    for (const name of Object.keys(settings ?? {}) as RuleName[]) sources[name] = { scope, subject }
  }
  return { rules: Object.assign({}, ...ordered.map(({ settings }) => settings)), sources }
}
