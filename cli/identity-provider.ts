import type { ClaimMapping } from '../bridge/index.ts'
import { isOrg, ROLES, type Role } from '../contract/index.ts'
import { BadSetting, type Setting } from './settings.ts'

/** Whose tokens count beside our own, as configured. */
export interface IdentityProvider {
  readonly issuer: string | undefined
  readonly audience: string | undefined
  readonly mapping: ClaimMapping
  readonly trust: { readonly jwksUrl: string } | { readonly secret: Uint8Array }
}

export interface ProviderValues {
  readonly jwksUrl: string | undefined
  readonly jwtSecret: string | undefined
  readonly jwtIssuer: string | undefined
  readonly jwtAudience: string | undefined
  readonly jwtSubClaim: string
  readonly jwtOrgClaim: string
  readonly jwtOrg: string | undefined
  readonly jwtRoleClaim: string
  readonly jwtRoleMap: ClaimMapping['roles'] | undefined
}

/** RFC 7518 §3.2: a key of HS256 is at least as long as its hash. */
const MIN_SECRET_BYTES = 32
/** Without a map roles have our own names; of several the one with most rights counts. */
const OWN_NAMES: readonly Role[] = ['admin', 'dispatcher', 'service', 'user', 'driver', 'device']
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** @returns undefined where only our own tokens count */
export function readIdentityProvider(values: ProviderValues, problems: string[]): IdentityProvider | undefined {
  const { jwksUrl, jwtSecret, jwtIssuer: issuer, jwtAudience: audience } = values
  if (jwksUrl === undefined && jwtSecret === undefined) {
    if (issuer !== undefined) problems.push(needsKeys('TRACKWIRE_JWT_ISSUER'))
    if (audience !== undefined) problems.push(needsKeys('TRACKWIRE_JWT_AUDIENCE'))
    return undefined
  }
  if (jwksUrl !== undefined && jwtSecret !== undefined) {
    problems.push('TRACKWIRE_JWKS_URL and TRACKWIRE_JWT_SECRET exclude each other; unset one of them')
    return undefined
  }
  const mapping = mappingOf(values)
  if (jwksUrl === undefined) return { issuer, audience, mapping, trust: { secret: Buffer.from(jwtSecret!, 'utf8') } }
  if (issuer === undefined) {
    problems.push('TRACKWIRE_JWKS_URL needs TRACKWIRE_JWT_ISSUER: the exact iss of the tokens that it verifies')
  }
  return { issuer, audience, mapping, trust: { jwksUrl } }
}

function needsKeys(variable: string): string {
  return `${variable} is about an identity provider; set TRACKWIRE_JWKS_URL (or TRACKWIRE_JWT_SECRET) too, or unset it`
}

function mappingOf({ jwtSubClaim, jwtOrgClaim, jwtOrg, jwtRoleClaim, jwtRoleMap }: ProviderValues): ClaimMapping {
  return {
    subClaim: jwtSubClaim,
    org: jwtOrg === undefined ? { claim: jwtOrgClaim } : { fixed: jwtOrg },
    roleClaim: jwtRoleClaim,
    roles: jwtRoleMap ?? OWN_NAMES.map(role => [role, role] as const),
  }
}

export function jwksUrl(name: string, description: string): Setting<string> {
  return {
    name,
    default: '',
    description,
    parse: value => {
      const url = URL.canParse(value) ? new URL(value) : undefined
      const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.test(url.hostname))
      if (!isSafe) throw new BadSetting('not a URL that begins with https:// (http:// on the loopback alone)')
      return value
    },
  }
}

/** The value is never repeated. */
export function sharedSecret(name: string, description: string): Setting<string> {
  return {
    name,
    default: '',
    description,
    parse: value => {
      if (Buffer.byteLength(value) < MIN_SECRET_BYTES) {
        throw new BadSetting(`shorter than ${MIN_SECRET_BYTES} bytes; make one with "openssl rand -base64 48"`)
      }
      return value
    },
  }
}

export function organisation(name: string, fallback: string, description: string): Setting<string> {
  return {
    name,
    default: fallback,
    description,
    parse: value => {
      if (!isOrg(value)) throw new BadSetting(`"${value}" is not 1 to 63 of a-z 0-9 -`)
      return value
    },
  }
}

/** `fleet-admin=admin,ops=dispatcher`, or the same as a JSON object. Their order counts. */
export function roleMap(name: string, description: string): Setting<ClaimMapping['roles']> {
  return {
    name,
    default: '',
    description,
    parse: value => {
      const entries = value.startsWith('{') ? entriesOfJson(value) : entriesOfList(value)
      for (const [theirs, ours] of entries) {
        if (theirs === '' || !ROLES.includes(ours as Role)) {
          throw new BadSetting(`"${theirs}=${ours}" maps no role to one of ${ROLES.join(', ')}`)
        }
      }
      return entries as ClaimMapping['roles']
    },
  }
}

function entriesOfJson(value: string): (readonly [string, string])[] {
  try {
    return Object.entries(JSON.parse(value)).map(([theirs, ours]) => [theirs, String(ours)])
  } catch {
    throw new BadSetting('neither JSON like {"fleet-admin": "admin"} nor a list like fleet-admin=admin,ops=dispatcher')
  }
}

function entriesOfList(value: string): (readonly [string, string])[] {
  return value.split(',').map(entry => {
    const at = entry.lastIndexOf('=')
    return [entry.slice(0, Math.max(0, at)).trim(), entry.slice(at + 1).trim()] as const
  })
}
