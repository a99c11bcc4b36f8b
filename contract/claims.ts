import Type from 'typebox'
import { Acl, type AclRule, aclRules } from './acl.ts'
import { Id, Org } from './ids.ts'
import { ShareScope } from './share-scope.ts'

export const ROLES = ['device', 'driver', 'user', 'dispatcher', 'admin', 'service'] as const
export type Role = (typeof ROLES)[number]
/** A schema of its own type: TypeBox cannot derive a union from a list made at run time. */
const RoleName = Type.Unsafe<Role>(Type.Union(ROLES.map(role => Type.Literal(role))))

/** The claims of a Trackwire token, RFC 7519 §4 with our own `org`, `role`, `devices`, `groups`, `acl`, `sid`, `use`. */
export const Claims = Type.Object({
  sub: Id,
  org: Org,
  role: RoleName,
  exp: Type.Number({ description: 'Seconds since the Unix epoch' }),
  iat: Type.Optional(Type.Number({ description: 'Seconds since the Unix epoch; ours have milliseconds as decimals' })),
  jti: Type.Optional(Type.String({ maxLength: 256 })),
  sid: Type.Optional(Type.String({ maxLength: 256, description: 'The log-in that it comes of' })),
  use: Type.Optional(Type.String({ maxLength: 64, description: '`socket`: it gets no successor of itself' })),
  devices: Type.Optional(Type.Array(Id)),
  groups: Type.Optional(Type.Array(Id)),
  acl: Type.Optional(Acl),
  /** An object makes it the token of a share link; a text, as identity providers write it, means nothing here. */
  scope: Type.Optional(Type.Union([ShareScope, Type.String()])),
})
export type Claims = Type.Static<typeof Claims>

/** Who is on the other side of a connection or request, after its token was verified. */
export interface Principal {
  readonly org: string
  readonly sub: string
  readonly role: Role
  /** Device ids this principal may watch beside what its role grants. */
  readonly devices: ReadonlySet<string>
  readonly groups: readonly string[]
  /** Both claim forms brought into the list form; `fillAcl` fills its placeholders in. */
  readonly acl: readonly AclRule[]
  readonly expiresAtMs: number
  /** Undefined when the token does not say: then it counts as older than any change of rights. */
  readonly issuedAtMs: number | undefined
  readonly jti: string | undefined
  /** Who issued the token, when it was not us: an outside identity provider. */
  readonly issuer?: string | undefined
  /** The `kid` of the key that signed the token, when it is ours: the token ends with it. */
  readonly keyId?: string | undefined
  /** All that the bearer of a share link may see; undefined for everybody else. */
  readonly share: ShareScope | undefined
  /** The log-in that the token comes of: all tokens of it end together. */
  readonly sid: string | undefined
  readonly use: string | undefined
}

const NONE: readonly string[] = []
const NO_DEVICES: ReadonlySet<string> = new Set()

/** There are as many principals as connections, and most name no devices: those share one empty set. */
function setOf(devices: readonly string[] = NONE): ReadonlySet<string> {
  return devices.length === 0 ? NO_DEVICES : new Set(devices)
}

/** Brings validated claims into a principal. */
export function principalOf(claims: Claims, { issuer, keyId }: Pick<Principal, 'issuer' | 'keyId'> = {}): Principal {
  const share = typeof claims.scope === 'object' ? claims.scope : undefined
  return {
    org: claims.org,
    sub: claims.sub,
    // A share link looks on, whoever signed it for whom: no device, no driver.
    role: share === undefined ? claims.role : 'user',
    devices: setOf(share?.devices ?? claims.devices),
    groups: claims.groups ?? NONE,
    acl: aclRules(claims.acl),
    // No token of a share link outlives its window.
    expiresAtMs: Math.min(claims.exp * 1_000, share?.until ?? Number.POSITIVE_INFINITY),
    share,
    issuedAtMs: claims.iat === undefined ? undefined : Math.round(claims.iat * 1_000),
    jti: claims.jti,
    sid: claims.sid,
    use: claims.use,
    issuer,
    keyId,
  }
}
