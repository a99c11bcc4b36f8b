import Type from 'typebox'
import { Id, Org } from './ids.ts'

export const ROLES = ['device', 'driver', 'user', 'dispatcher', 'admin', 'service'] as const
export type Role = (typeof ROLES)[number]
/** A schema of its own type: TypeBox cannot derive a union from a list made at run time. */
const RoleName = Type.Unsafe<Role>(Type.Union(ROLES.map(role => Type.Literal(role))))

const AclAction = Type.Union([Type.Literal('publish'), Type.Literal('subscribe'), Type.Literal('all')])

/** The list form: first match wins. */
export const AclRule = Type.Object({
  permission: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  action: AclAction,
  topic: Type.String({ minLength: 1, maxLength: 512 }),
})
export type AclRule = Type.Static<typeof AclRule>

/** The object form: allow lists per action. */
const TopicList = Type.Array(Type.String({ minLength: 1, maxLength: 512 }))
export const AclLists = Type.Object({
  pub: Type.Optional(TopicList),
  sub: Type.Optional(TopicList),
  all: Type.Optional(TopicList),
})

export const Acl = Type.Union([Type.Array(AclRule), AclLists])
export type Acl = Type.Static<typeof Acl>

/** The claims of a Trackwire token, RFC 7519 §4 with our own `org`, `role`, `devices`, `groups`, `acl`. */
export const Claims = Type.Object({
  sub: Id,
  org: Org,
  role: RoleName,
  exp: Type.Number({ description: 'Seconds since the Unix epoch' }),
  iat: Type.Optional(Type.Number()),
  jti: Type.Optional(Type.String()),
  devices: Type.Optional(Type.Array(Id)),
  groups: Type.Optional(Type.Array(Id)),
  acl: Type.Optional(Acl),
  scope: Type.Optional(Type.Unknown()),
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
  /** Both claim forms brought into the list form, placeholders not yet filled in. */
  readonly acl: readonly AclRule[]
  readonly expiresAtMs: number
  readonly jti: string | undefined
}

/** Brings validated claims into a principal. */
export function principalOf(claims: Claims): Principal {
  return {
    org: claims.org,
    sub: claims.sub,
    role: claims.role,
    devices: new Set(claims.devices ?? []),
    groups: claims.groups ?? [],
    acl: aclRules(claims.acl),
    expiresAtMs: claims.exp * 1_000,
    jti: claims.jti,
  }
}

function aclRules(acl: Acl | undefined): AclRule[] {
  if (acl === undefined) return []
  if (Array.isArray(acl)) return acl
  const allow = (action: AclRule['action'], topics: string[] = []): AclRule[] =>
    topics.map(topic => ({ permission: 'allow', action, topic }))
  return [...allow('publish', acl.pub), ...allow('subscribe', acl.sub), ...allow('all', acl.all)]
}
