import type { Rights, RightsChange } from '../../broker/index.ts'
import { type ErrorCode, type Principal, type Role, TrackwireError } from '../../contract/index.ts'

/** What a test says of principals of the organisation `demo`, in place of a database. */
export class TestRights implements Rights {
  readonly #listeners = new Set<(change: RightsChange) => void>()
  readonly #devices = new Map<string, ReadonlySet<string>>()
  readonly #roles = new Map<string, Role>()
  readonly #refused = new Map<string, ErrorCode>()

  current(issued: Principal): Principal {
    const refused = this.#refused.get(issued.sub)
    if (refused !== undefined) throw new TrackwireError(refused)
    const devices = new Set([...issued.devices, ...(this.#devices.get(issued.sub) ?? [])])
    return { ...issued, devices, role: this.#roles.get(issued.sub) ?? issued.role }
  }

  onChange(listener: (change: RightsChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** From now on these, and no others, beside what tokens say. */
  grant(sub: string, ...devices: string[]): void {
    this.#devices.set(sub, new Set(devices))
    this.changed(sub)
  }

  setRole(sub: string, role: Role): void {
    this.#roles.set(sub, role)
    this.changed(sub)
  }

  refuse(sub: string, code: 'principal_banned' | 'token_revoked' | null): void {
    if (code === null) this.#refused.delete(sub)
    else this.#refused.set(sub, code)
    this.changed(sub)
  }

  changed(sub: string | null, org = 'demo'): void {
    for (const listener of this.#listeners) listener({ org, sub })
  }
}
