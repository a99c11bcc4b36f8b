import {
  type AclRule,
  type Action,
  type Considered,
  explainDecision,
  fillAcl,
  type Manner,
  type Principal,
  principalOf,
  type Role,
  TrackwireError,
  visibleDevices,
} from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import { findDevice } from '../store/queries/devices.ts'
import { findAccount } from '../store/queries/principals.ts'

export interface AccessQuestion extends Manner {
  readonly action: Action
  /** A topic, or a filter that is to be subscribed. */
  readonly topic: string
  /** What the placeholders of an acl claim stand for; the principal's id when left out, as over HTTP. */
  readonly clientId?: string | undefined
  readonly username?: string | undefined
}

/** Where it is known from what a principal may do. */
export type PrincipalSource = 'account' | 'device' | 'role' | 'token'

export interface AccessAnswer {
  readonly allowed: boolean
  readonly reason: string
  /** The answer in one sentence. */
  readonly text: string
  readonly considered: readonly Considered[]
  readonly principal: {
    readonly sub: string
    readonly org: string
    readonly role: Role
    readonly source: PrincipalSource
    /** How many devices it sees by its role and grants; null = all of the organisation. */
    readonly devices: number | null
    readonly groups: readonly string[]
    /** With its placeholders filled in. */
    readonly acl: readonly AclRule[]
  }
  /** What the answer does not know of, or null. */
  readonly note: string | null
}

const OF_A_TOKEN =
  'Its tokens may hold an acl claim or devices of their own, which decide first: ask with the token to know.'

/**
 * Whether somebody of the organisation may do something, and why: an account, a registered device, or whoever has the role.
 * @throws TrackwireError not_found, request_invalid
 */
export async function explainAccess(
  db: Database,
  org: string,
  question: AccessQuestion & { readonly principal: string; readonly role?: Role | undefined },
): Promise<AccessAnswer> {
  const { principal: sub, role } = question
  const account = await findAccount(db, org, sub)
  const known = account ?? ((await findDevice(db, org, sub)) && { role: 'device' as const, devices: [] })
  if (known === undefined && role === undefined) {
    throw new TrackwireError(
      'not_found',
      `${sub} is no account and no device of ${org}; say its role to ask all the same`,
    )
  }
  if (account !== undefined && role !== undefined && role !== account.role) {
    throw new TrackwireError('request_invalid', `the account ${sub} has the role ${account.role}; leave the role out`)
  }
  const source = account !== undefined ? 'account' : role === undefined || role === known?.role ? 'device' : 'role'
  const claims = { sub, org, role: role ?? known!.role, devices: account?.devices ?? [], exp: Number.MAX_SAFE_INTEGER }
  return { ...answer(principalOf(claims), source, question), note: OF_A_TOKEN }
}

/** The same of whoever holds a token. */
export function explainAccessOf(holder: Principal, question: AccessQuestion): AccessAnswer {
  return answer(holder, 'token', question)
}

function answer(issued: Principal, source: PrincipalSource, question: AccessQuestion): AccessAnswer {
  const { action, topic, qos, retain, clientId = issued.sub, username = issued.sub } = question
  const principal = fillAcl(issued, { clientId, username })
  const { sub, org, role, groups, acl } = principal
  const visible = visibleDevices(principal)
  const devices = visible === 'all' ? null : visible.size
  const explained = explainDecision(principal, action, topic, { qos, retain })
  return { ...explained, principal: { sub, org, role, source, devices, groups, acl }, note: null }
}
