import { findBans, loadBans } from '../store/bans.ts'
import type { Queryable } from '../store/database.ts'
import { findDevices, loadGroupedDevices } from '../store/devices.ts'
import { findRevocations, loadRevocations, type RevocationKind } from '../store/revocations.ts'
import type { RightsChangeRow } from '../store/rights-changes.ts'
import { type AccountFact, findAccounts, loadAccounts } from '../store/users.ts'
import { type AccountRights, RightsOfOrganisation } from './rights-of-organisation.ts'

const REVOCATION_KINDS: readonly RevocationKind[] = ['token', 'account', 'device']

export type RightsByOrganisation = Map<string, RightsOfOrganisation>

export function rightsOf(orgs: RightsByOrganisation, org: string): RightsOfOrganisation {
  let rights = orgs.get(org)
  if (rights === undefined) {
    rights = new RightsOfOrganisation()
    orgs.set(org, rights)
  }
  return rights
}

/** Everything there is. */
export async function loadRights(db: Queryable, nowMs: number): Promise<RightsByOrganisation> {
  const orgs: RightsByOrganisation = new Map()
  for (const account of await loadAccounts(db)) rightsOf(orgs, account.org).accounts.set(account.sub, view(account))
  for (const { org, sub, until } of await loadBans(db)) rightsOf(orgs, org).bans.set(sub, until)
  for (const revocation of await loadRevocations(db, nowMs)) rightsOf(orgs, revocation.org).revoke(revocation)
  putGroups(orgs, await loadGroupedDevices(db))
  return orgs
}

/** Reads the facts that were changed anew: whatever else was done to them meanwhile, what is read is what holds. */
export async function applyRightsChanges(
  db: Queryable,
  orgs: RightsByOrganisation,
  changes: readonly RightsChangeRow[],
): Promise<void> {
  const accounts = changes.filter(({ kind }) => kind === 'account')
  if (accounts.length > 0) {
    const found = await findAccounts(db, accounts)
    for (const { org, id } of accounts) rightsOf(orgs, org).accounts.delete(id)
    for (const account of found) rightsOf(orgs, account.org).accounts.set(account.sub, view(account))
  }
  const bans = changes.filter(({ kind }) => kind === 'ban')
  if (bans.length > 0) {
    const found = await findBans(db, bans)
    for (const { org, id } of bans) rightsOf(orgs, org).bans.delete(id)
    for (const { org, sub, until } of found) rightsOf(orgs, org).bans.set(sub, until)
  }
  const revoked = REVOCATION_KINDS.flatMap(kind =>
    changes.filter(change => change.kind === `revoked-${kind}`).map(({ org, id }) => ({ org, kind, id })),
  )
  if (revoked.length > 0) {
    for (const revocation of await findRevocations(db, revoked)) rightsOf(orgs, revocation.org).revoke(revocation)
  }
  const devices = changes.flatMap(({ org, kind, id }) => (kind === 'device-groups' ? [{ org, deviceId: id }] : []))
  if (devices.length > 0) {
    const inGroups = new Map((await findDevices(db, devices)).map(row => [`${row.org}/${row.deviceId}`, row.groups]))
    putGroups(
      orgs,
      devices.map(({ org, deviceId }) => ({ org, deviceId, groups: inGroups.get(`${org}/${deviceId}`) ?? [] })),
    )
  }
}

function view({ role, roleChangedAt, disabled, devices, groups }: AccountFact): AccountRights {
  return { role, roleChangedAt, disabled, devices: new Set(devices), groups }
}

function putGroups(
  orgs: RightsByOrganisation,
  devices: readonly { readonly org: string; readonly deviceId: string; readonly groups: readonly string[] }[],
): void {
  const byOrg = new Map<string, [string, readonly string[]][]>()
  for (const { org, deviceId, groups } of devices) {
    const ofOrg = byOrg.get(org)
    if (ofOrg === undefined) byOrg.set(org, [[deviceId, groups]])
    else ofOrg.push([deviceId, groups])
  }
  for (const [org, ofOrg] of byOrg) rightsOf(orgs, org).groups.put(ofOrg)
}
