import type { FenceFeature } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

export interface FenceRow {
  readonly org: string
  readonly feature: FenceFeature
  /** Which change of the organisation it came with. */
  readonly epoch: number
}

/** Every fence of every organisation. */
export function loadFences(db: Queryable): Promise<FenceRow[]> {
  return db.query<FenceRow>('select org, feature, epoch from fences order by org, fence_id')
}

/** Creates or replaces fences; their organisation exists. */
export async function upsertFences(
  db: Queryable,
  org: string,
  features: readonly FenceFeature[],
  epoch: number,
  nowMs: number,
): Promise<void> {
  await db.query(
    `insert into fences (org, fence_id, feature, epoch, updated_at)
     select $1, fence_id, feature::jsonb, $4::bigint, $5::bigint from unnest($2::text[], $3::text[]) as t(fence_id, feature)
     order by fence_id
     on conflict (org, fence_id) do update set feature = excluded.feature, epoch = excluded.epoch, updated_at = excluded.updated_at`,
    [org, features.map(({ id }) => id), features.map(feature => JSON.stringify(feature)), epoch, nowMs],
  )
}

/** Whether there was such a fence. */
export async function deleteFence(db: Queryable, org: string, fenceId: string): Promise<boolean> {
  const rows = await db.query('delete from fences where org = $1 and fence_id = $2 returning 1', [org, fenceId])
  return rows.length > 0
}
