import type { RuleSettings } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import { loadGroupsEpochs } from '../store/devices.ts'
import { loadRuleSettings, type RuleScope, type RuleSettingsRow, type RuleSubject } from '../store/rule-settings.ts'
import { effectiveRules } from './effective-rules.ts'

/** What is in force for a device, and the epoch of the last change of that or of the device's groups. */
export interface RulesInForce {
  readonly rules: RuleSettings
  readonly epoch: number
}

interface Known extends RulesInForce {
  readonly groups: readonly string[]
}

/** One organisation: its settings by scope and subject, what is in force by device, made when it is first asked for. */
interface OrgRules {
  readonly settings: Map<string, RuleSettingsRow>
  readonly groupsEpochs: Map<string, number>
  readonly devices: Map<string, Known>
}

const NOTHING: RulesInForce = { rules: {}, epoch: 0 }

/** The rules of every organisation, in memory, as committed. */
export class RuleCatalogue {
  readonly #orgs = new Map<string, OrgRules>()

  static async load(db: Database): Promise<RuleCatalogue> {
    const catalogue = new RuleCatalogue()
    for (const row of await loadRuleSettings(db)) catalogue.put(row)
    for (const { org, deviceId, epoch } of await loadGroupsEpochs(db)) catalogue.regrouped(org, deviceId, epoch)
    return catalogue
  }

  /** @param groups the device's, as the registry has them */
  of(org: string, deviceId: string, groups: readonly string[]): RulesInForce {
    const known = this.#orgs.get(org)
    if (known === undefined) return NOTHING
    const cached = known.devices.get(deviceId)
    if (cached !== undefined && cached.groups === groups) return cached
    const rows = keysOf(deviceId, groups)
      .map(key => known.settings.get(key))
      .filter(row => row !== undefined)
    const epoch = Math.max(known.groupsEpochs.get(deviceId) ?? 0, ...rows.map(row => row.epoch))
    const inForce = { rules: effectiveRules(rows).rules, epoch, groups }
    known.devices.set(deviceId, inForce)
    return inForce
  }

  /** What would be in force for a device of these groups after a change. */
  ofChanged(change: RuleSettingsRow, deviceId: string, groups: readonly string[]): RuleSettings {
    const changed = keyOf(change.scope, change.subject)
    const known = this.#orgs.get(change.org)?.settings
    const row = (key: string) => (key === changed ? change : known?.get(key))
    const rows = keysOf(deviceId, groups).map(row)
    return effectiveRules(rows.filter(row => row !== undefined)).rules
  }

  settings({ org, scope, subject }: RuleSubject): RuleSettings | null {
    return this.#orgs.get(org)?.settings.get(keyOf(scope, subject))?.settings ?? null
  }

  put(row: RuleSettingsRow): void {
    const rules = this.#of(row.org)
    rules.settings.set(keyOf(row.scope, row.subject), row)
    if (row.scope === 'device') rules.devices.delete(row.subject)
    else rules.devices.clear()
  }

  /** The device's groups became others with the change of that epoch. */
  regrouped(org: string, deviceId: string, epoch: number): void {
    const rules = this.#of(org)
    rules.groupsEpochs.set(deviceId, epoch)
    rules.devices.delete(deviceId)
  }

  #of(org: string): OrgRules {
    let rules = this.#orgs.get(org)
    if (rules === undefined) {
      rules = { settings: new Map(), groupsEpochs: new Map(), devices: new Map() }
      this.#orgs.set(org, rules)
    }
    return rules
  }
}

function keysOf(deviceId: string, groups: readonly string[]): string[] {
  return [keyOf('organisation', ''), ...groups.map(group => keyOf('group', group)), keyOf('device', deviceId)]
}

function keyOf(scope: RuleScope, subject: string): string {
  return `${scope}/${subject}`
}
