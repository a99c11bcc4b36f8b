import { type ProximityRule, TrackwireError } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { loadProximityRules, type ProximityPair, type ProximityRuleRow } from '../store/proximity.ts'
import { commitProximity } from './commit-proximity.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'

/** Devices that moved wait so long for company. */
const LINGER_MS = 20

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
  #moved = new Map<string, DeviceKey>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #closed = false

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline
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

  /** A newer position was committed. Cheap where no rule is about the device. */
  moved(device: DeviceKey): void {
    const known = this.#orgs.get(device.org)
    if (known === undefined || this.#closed || this.#rulesAbout(known, device).length === 0) return
    this.#moved.set(keyOf(device), { org: device.org, deviceId: device.deviceId })
    this.#soon()
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

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  #rulesAbout({ byDevice, byGroup }: OrgRules, { org, deviceId }: DeviceKey): string[] {
    const own = byDevice.get(deviceId) ?? []
    if (byGroup.size === 0) return own
    const groups = this.#pipeline.devices.groups(org, deviceId)
    return [...new Set([...own, ...groups.flatMap(group => byGroup.get(group) ?? [])])]
  }

  #soon(): void {
    if (this.#closed || this.#running !== undefined) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      const moved = [...this.#moved.values()]
      this.#moved = new Map()
      this.#running = this.#pipeline
        .committer()
        .change(() => commitProximity(this.#pipeline, moved))
        .catch(error => {
          const isClosing = error instanceof TrackwireError && error.code === 'shutting_down'
          if (!isClosing) this.#pipeline.logger.warn({ err: error }, 'who is near whom could not be stored')
        })
        .finally(() => {
          this.#running = undefined
          if (this.#moved.size > 0) this.#soon()
        })
    }, LINGER_MS)
    this.#timer.unref()
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
