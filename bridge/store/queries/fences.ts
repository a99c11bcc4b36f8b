import type { FenceFeature } from '../../../contract/index.ts'
import type { Queryable } from '../database.ts'

/** Fences in order of their id, after `after`. */
export async function listFences(
  db: Queryable,
  org: string,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<FenceFeature[]> {
  const rows = await db.query<{ feature: FenceFeature }>(
    `select feature from fences where org = $1 and ($2::text is null or fence_id > $2) order by fence_id limit $3`,
    [org, after ?? null, limit],
  )
  return rows.map(row => row.feature)
}

export async function findFence(db: Queryable, org: string, fenceId: string): Promise<FenceFeature | undefined> {
  const rows = await db.query<{ feature: FenceFeature }>(
    'select feature from fences where org = $1 and fence_id = $2',
    [org, fenceId],
  )
  return rows[0]?.feature
}

/**
 * Fences as JSON text, in order of their id, after `after`: a large geometry as a value is costly to pass between threads, as text it
 * can be parsed one at a time.
 */
export function listFenceTexts(
  db: Queryable,
  org: string,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<{ readonly fence_id: string; readonly feature: string }[]> {
  return db.query(
    `select fence_id, feature::text as feature from fences
     where org = $1 and ($2::text is null or fence_id > $2) order by fence_id limit $3`,
    [org, after ?? null, limit],
  )
}
