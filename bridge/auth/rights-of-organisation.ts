import { type Principal, type Role, TrackwireError } from '../../contract/index.ts'
import type { RevocationFact } from '../store/revocations.ts'
import { GrantedDevices } from './granted-devices.ts'
import { GroupMembers } from './group-members.ts'

const NONE: ReadonlySet<string> = new Set()

/** An account as far as it counts for rights. */
export interface AccountRights {
  readonly role: Role
  /** Milliseconds; tokens issued before have the account's role. */
  readonly roleChangedAt: number | null
  readonly disabled: boolean
  readonly devices: ReadonlySet<string>
  readonly groups: readonly string[]
}

/** What the database says of the principals of one organisation, in memory. */
export class RightsOfOrganisation {
  readonly accounts = new Map<string, AccountRights>()
  /** Until when, in milliseconds; null = until it is lifted. */
  readonly bans = new Map<string, number | null>()
  /** By `jti` and `sid`; until when such a token could be valid, null = unknown. */
  readonly revokedTokens = new Map<string, number | null>()
  /** By sub: tokens issued before this time are revoked. */
  readonly revokedBefore = { account: new Map<string, number>(), device: new Map<string, number>() }
  readonly groups = new GroupMembers()
  /** Counts changes of anything above: what was computed under an earlier one is out of date. */
  version = 0

  revoke({ kind, id, before, expiresAt }: RevocationFact): void {
    if (kind === 'token') this.revokedTokens.set(id, expiresAt)
    else this.revokedBefore[kind].set(id, before!)
  }

  /**
   * The principal as it is now.
   * @throws TrackwireError principal_banned, token_revoked
   */
  judge(issued: Principal, nowMs: number): Principal {
    const { sub, role } = issued
    const until = this.bans.get(sub)
    if (until !== undefined && (until === null || until > nowMs)) throw banned(sub, until)
    if (this.#isRevoked(issued.jti) || this.#isRevoked(issued.sid)) throw new TrackwireError('token_revoked')
    const issuedAtMs = issued.issuedAtMs ?? Number.NEGATIVE_INFINITY
    const before = this.revokedBefore[role === 'device' ? 'device' : 'account'].get(sub)
    if (before !== undefined && issuedAtMs < before) {
      throw new TrackwireError(
        'token_revoked',
        `the tokens of ${sub} that were issued before ${new Date(before).toISOString()} are revoked; get a new one`,
      )
    }
    // A device sees itself and a share link what it says; that an account bears the same id is no concern of theirs.
    if (role === 'device' || issued.share !== undefined) return issued
    const account = this.accounts.get(sub)
    if (account?.disabled) throw new TrackwireError('token_revoked', `the account ${sub} is disabled`)
    return this.#grant(issued, account, issuedAtMs)
  }

  #grant(issued: Principal, account: AccountRights | undefined, issuedAtMs: number): Principal {
    const isOlder = account !== undefined && account.roleChangedAt !== null && issuedAtMs < account.roleChangedAt
    const role = isOlder ? account.role : issued.role
    const groups = unionOf(issued.groups, account?.groups ?? [])
    const parts = [issued.devices, account?.devices ?? NONE, ...groups.map(group => this.groups.members(group))]
    const granted = parts.filter(part => part.size > 0)
    const devices = granted.length > 1 ? new GrantedDevices(granted) : (granted[0] ?? issued.devices)
    if (role === issued.role && groups === issued.groups && devices === issued.devices) return issued
    return { ...issued, role, groups, devices }
  }

  #isRevoked(id: string | undefined): boolean {
    return id !== undefined && this.revokedTokens.has(id)
  }

  /** Forgets what has run out: such tokens have expired, such bans are over. */
  sweep(nowMs: number): void {
    for (const [id, expiresAt] of this.revokedTokens) {
      if (expiresAt !== null && expiresAt < nowMs) this.revokedTokens.delete(id)
    }
    for (const [sub, until] of this.bans) if (until !== null && until < nowMs) this.bans.delete(sub)
  }
}

export function banned(sub: string, until: number | null): TrackwireError {
  const how = until === null ? 'until an administrator lifts it' : `until ${new Date(until).toISOString()}`
  return new TrackwireError('principal_banned', `${sub} is banned ${how}`, {
    ...(until !== null && { details: { until } }),
  })
}

/** The very first list where the second adds nothing. */
function unionOf(first: readonly string[], second: readonly string[]): readonly string[] {
  const more = second.filter(one => !first.includes(one))
  return more.length === 0 ? first : [...first, ...more]
}
