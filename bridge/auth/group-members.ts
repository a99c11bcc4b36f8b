const NOBODY: ReadonlySet<string> = new Set()

/** Which devices are in which groups. A set that was given out never changes: a change makes another one. */
export class GroupMembers {
  readonly #groupsOf = new Map<string, readonly string[]>()
  readonly #members = new Map<string, Set<string>>()

  members(group: string): ReadonlySet<string> {
    return this.#members.get(group) ?? NOBODY
  }

  /** Puts devices into the groups given, and out of all others. Each group that it touches is copied once. */
  put(devices: Iterable<readonly [deviceId: string, groups: readonly string[]]>): void {
    const copied = new Set<string>()
    const changeable = (group: string): Set<string> => {
      if (!copied.has(group)) {
        copied.add(group)
        this.#members.set(group, new Set(this.#members.get(group)))
      }
      return this.#members.get(group)!
    }
    for (const [deviceId, groups] of devices) {
      for (const group of this.#groupsOf.get(deviceId) ?? []) changeable(group).delete(deviceId)
      for (const group of groups) changeable(group).add(deviceId)
      if (groups.length > 0) this.#groupsOf.set(deviceId, groups)
      else this.#groupsOf.delete(deviceId)
    }
    for (const group of copied) if (this.#members.get(group)!.size === 0) this.#members.delete(group)
  }
}
