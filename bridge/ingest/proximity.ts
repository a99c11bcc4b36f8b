import type { ProximityRule } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { loadProximityRules, type ProximityPair, type ProximityRuleRow } from '../store/proximity.ts'
import { commitProximity } from './commit-proximity.ts'
import { isShuttingDown } from './committer.ts'
import { LingeringWork } from './lingering-work.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'

interface OrgRules {
  readonly rules: Map<string, ProximityRule>
  /** Rules by the device, and by the group, that they are about. */
  byDevice: Map<string, string[]>
  byGroup: Map<string, string[]>
}

export interface PairToJudge extends ProximityPair {
  readonly rule: ProximityRule
}

/** Which devices are watched for coming near each other. The rules are in memory; what is near is in rows. */
export class ProximityWatch {
  readonly #pipeline: Pipeline
  readonly #orgs = new Map<string, OrgRules>()
  readonly #judging: LingeringWork
  #moved = new Map<string, DeviceKey>()

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
    this.#judging = new LingeringWork({
      work: () => {
        const moved = [...this.#moved.values()]
        this.#moved = new Map()
        return pipeline.committer().change(() => commitProximity(pipeline, moved))
      },
      hasMore: () => this.#moved.size > 0,
      failed: error => {
        if (!isShuttingDown(error)) pipeline.logger.warn({ err: error }, 'who is near whom could not be stored')
      },
    })
  }

  async load(db: Database): Promise<void> {
    for (const row of await loadProximityRules(db)) this.put(row)
  }

  put({ org, ruleId, rule }: ProximityRuleRow): void {
    const known = this.#orgs.get(org) ?? { rules: new Map(), byDevice: new Map(), byGroup: new Map() }
    known.rules.set(ruleId, rule)
    this.#orgs.set(org, known)
    reindex(known)
  }

  remove(org: string, ruleId: string): void {
    const known = this.#orgs.get(org)
    known?.rules.delete(ruleId)
    if (known !== undefined) reindex(known)
  }

  rule(org: string, ruleId: string): ProximityRule | undefined {
    return this.#orgs.get(org)?.rules.get(ruleId)
  }

  rulesOf(org: string): { id: string; rule: ProximityRule }[] {
    return [...(this.#orgs.get(org)?.rules ?? [])]
      .map(([id, rule]) => ({ id, rule }))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Whether a rule is about the device. Cheap where none is. */
  watches(device: DeviceKey): boolean {
    const known = this.#orgs.get(device.org)
    return known !== undefined && this.#rulesAbout(known, device).length > 0
  }

  /** A newer position was committed. */
  moved(device: DeviceKey): void {
    if (this.#judging.isClosed || !this.watches(device)) return
    this.#moved.set(keyOf(device), { org: device.org, deviceId: device.deviceId })
    this.#judging.soon()
  }

  /** The pairs that a device belongs to. */
  pairsOf(device: DeviceKey): PairToJudge[] {
    const { org, deviceId } = device
    const known = this.#orgs.get(org)
    if (known === undefined) return []
    return this.#rulesAbout(known, device).flatMap(ruleId => {
      const rule = known.rules.get(ruleId)!
      const [first, second] = rule.devices as [string, string?]
      const others =
        second !== undefined
          ? [second]
          : deviceId === first
            ? this.#pipeline.devices.inGroup(org, rule.group!)
            : [deviceId]
      return others
        .filter(other => other !== first)
        .map(otherDeviceId => ({ org, ruleId, rule, deviceId: first, otherDeviceId }))
    })
  }

  close(): Promise<void> {
    return this.#judging.close()
  }

  #rulesAbout({ byDevice, byGroup }: OrgRules, { org, deviceId }: DeviceKey): string[] {
    const own = byDevice.get(deviceId) ?? []
    if (byGroup.size === 0) return own
    const groups = this.#pipeline.devices.groups(org, deviceId)
    return [...new Set([...own, ...groups.flatMap(group => byGroup.get(group) ?? [])])]
  }
}

function reindex(known: OrgRules): void {
  known.byDevice = new Map()
  known.byGroup = new Map()
  for (const [id, { devices, group }] of known.rules) {
    for (const device of devices) known.byDevice.set(device, [...(known.byDevice.get(device) ?? []), id])
    if (group !== undefined) known.byGroup.set(group, [...(known.byGroup.get(group) ?? []), id])
  }
}
