import type { JWTPayload } from 'jose'
import { isId, isOrg, type Role, TrackwireError } from '../../contract/index.ts'

/** Where the tokens of an outside issuer say what ours say in `sub`, `org` and `role`. */
export interface ClaimMapping {
  /** Name of a claim, or a path through objects with dots; a claim that has the whole path as its name comes first. */
  readonly subClaim: string
  /** One organisation for all of them, or the claim that names it. */
  readonly org: { readonly fixed: string } | { readonly claim: string }
  /** A name or a list of names. */
  readonly roleClaim: string
  /** Their role names and ours, the ones that count first at the top. */
  readonly roles: readonly (readonly [theirs: string, ours: Role])[]
}

/**
 * Brings the claims of an outside issuer into ours. Rights beside the role (`devices`, `groups`, `acl`) are read as in our own
 * tokens; of its groups only those that can be groups of devices.
 * @throws TrackwireError token_invalid, without repeating anything of the token
 */
export function mapClaims(payload: JWTPayload, mapping: ClaimMapping): JWTPayload {
  const { exp, iat, jti, devices, groups, acl, scope } = payload
  return {
    sub: subOf(payload, mapping),
    org: orgOf(payload, mapping),
    role: roleOf(payload, mapping),
    exp,
    ...(iat !== undefined && { iat }),
    ...(jti !== undefined && { jti }),
    ...(devices !== undefined && { devices }),
    ...(Array.isArray(groups) && { groups: groups.filter(isId) }),
    ...(acl !== undefined && { acl }),
    ...(scope !== undefined && { scope }),
  } as JWTPayload
}

function subOf(payload: JWTPayload, { subClaim }: ClaimMapping): string {
  const sub = claimAt(payload, subClaim)
  if (isId(sub)) return sub
  throw refusal(
    `its ${subClaim} is not an id of 1 to 64 of A-Z a-z 0-9 . _ : -; have the provider send one, see TRACKWIRE_JWT_SUB_CLAIM`,
  )
}

function orgOf(payload: JWTPayload, { org }: ClaimMapping): string {
  if ('fixed' in org) return org.fixed
  const said = claimAt(payload, org.claim)
  // Keycloak lists the organisations of a person; with several nobody can tell which one is meant.
  const name = Array.isArray(said) && said.length === 1 ? said[0] : said
  if (isOrg(name)) return name
  throw refusal(`its ${org.claim} does not name one organisation of 1 to 63 of a-z 0-9 -`)
}

function roleOf(payload: JWTPayload, { roleClaim, roles }: ClaimMapping): Role {
  const said = claimAt(payload, roleClaim)
  const names = Array.isArray(said) ? said : [said]
  const found = roles.find(([theirs]) => names.includes(theirs))
  if (found !== undefined) return found[1]
  throw refusal(`its ${roleClaim} names no role that counts here; see TRACKWIRE_JWT_ROLE_MAP`)
}

function claimAt(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path]
  let value: unknown = payload
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  return value
}

function refusal(reason: string): TrackwireError {
  return new TrackwireError('token_invalid', `the token of the identity provider cannot be used: ${reason}`)
}
