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
import { findUser } from '../store/users.ts'
import type { CurrentRights } from './rights.ts'

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
  rights: CurrentRights,
  org: string,
  question: AccessQuestion & { readonly principal: string; readonly role?: Role | undefined },
): Promise<AccessAnswer> {
  const { principal: sub, role } = question
  await rights.refresh()
  const account = await findUser(db, org, sub)
  const known = account ?? ((await findDevice(db, org, sub)) && { role: 'device' as const })
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
  // As its token would be if it were issued now, without claims of its own.
  const issuedAt = Number.MAX_SAFE_INTEGER / 1_000
  const issued = principalOf({ sub, org, role: role ?? known!.role, iat: issuedAt, exp: issuedAt })
  return { ...answer(rights, issued, source, question), note: OF_A_TOKEN }
}

/** The same of whoever holds a token. */
export async function explainAccessOf(
  holder: Principal,
  rights: CurrentRights,
  question: AccessQuestion,
): Promise<AccessAnswer> {
  await rights.refresh()
  return answer(rights, holder, 'token', question)
}

function answer(
  rights: CurrentRights,
  issued: Principal,
  source: PrincipalSource,
  question: AccessQuestion,
): AccessAnswer {
  const { action, topic, qos, retain, clientId = issued.sub, username = issued.sub } = question
  const { current, refusal } = currentOf(rights, issued)
  const principal = fillAcl(current, { clientId, username })
  const { sub, org, role, groups, acl } = principal
  const visible = visibleDevices(principal)
  const devices = visible === 'all' ? null : visible.size
  const explained =
    refusal === null ? explainDecision(principal, action, topic, { qos, retain }) : shutOut(principal, refusal)
  return { ...explained, principal: { sub, org, role, source, devices, groups, acl }, note: null }
}

/** A principal that is shut out is described as it was issued. */
function currentOf(rights: CurrentRights, issued: Principal): { current: Principal; refusal: string | null } {
  try {
    return { current: rights.current(issued), refusal: null }
  } catch (error) {
    if (error instanceof TrackwireError) return { current: issued, refusal: error.message }
    throw error
  }
}

function shutOut({ role, sub, org }: Principal, refusal: string) {
  const reason = refusal.replace(/\.$/, '')
  const considered = [{ text: `Whatever a token says: ${reason}.`, decided: true }]
  return { allowed: false, reason, text: `${role} ${sub} of ${org} is let in nowhere: ${reason}.`, considered }
}
