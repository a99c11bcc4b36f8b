import { DEFAULT_SOS_POLICY, type SosPolicy } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

/** How the organisation escalates: its own policy, or the default. */
export async function loadSosPolicy(db: Queryable, org: string): Promise<SosPolicy> {
  const [row] = await db.query<{ policy: SosPolicy }>('select policy from sos_policies where org = $1', [org])
  return row?.policy ?? DEFAULT_SOS_POLICY
}

export async function saveSosPolicy(
  db: Queryable,
  { org, policy, principal }: { org: string; policy: SosPolicy; principal: string },
  nowMs: number,
): Promise<void> {
  await db.query(
    `insert into sos_policies (org, policy, updated_at, updated_by) values ($1, $2::jsonb, $3, $4)
     on conflict (org) do update set policy = excluded.policy, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
    [org, JSON.stringify(policy), nowMs, principal],
  )
}
