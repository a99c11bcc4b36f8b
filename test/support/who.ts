import type { Acl, Role, ShareScope } from '../../contract/index.ts'

/** Whom a token is minted for; of the organisation `demo` for an hour when nothing else is said. */
export interface Who {
  readonly role: Role
  readonly sub: string
  readonly org?: string
  readonly devices?: string[]
  readonly acl?: Acl
  readonly scope?: ShareScope
  readonly ttlSeconds?: number
}
