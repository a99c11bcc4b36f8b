import type { AclRule, Principal } from '../../contract/index.ts'

/** Whether two principals of one org and sub may do the same. */
export function sameRights(before: Principal, now: Principal): boolean {
  return (
    before === now ||
    (before.role === now.role &&
      sameDevices(before.devices, now.devices) &&
      sameRules(before.acl, now.acl) &&
      JSON.stringify(furtherClaims(before)) === JSON.stringify(furtherClaims(now)))
  )
}

export function sameRules(a: readonly AclRule[], b: readonly AclRule[]): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

function sameDevices(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const id of a) if (!b.has(id)) return false
  return true
}

function furtherClaims({ role, devices, acl, expiresAtMs, jti, ...further }: Principal): object {
  return further
}
