import type { Queryable } from './database.ts'

/** One opening of a share link. */
export interface ShareViewRow {
  readonly id: string
  readonly openedAt: number
  /** When its page was heard of last. */
  readonly lastSeenAt: number
  readonly address: string
  readonly userAgent: string | null
}

export async function insertShareView(
  db: Queryable,
  view: { org: string; link: string; id: string; address: string; userAgent: string | null },
  nowMs: number,
): Promise<void> {
  await db.query(
    `insert into share_views (org, link_id, id, opened_at, last_seen_at, address, user_agent)
     values ($1, $2, $3, $4, $4, $5, $6)`,
    [view.org, view.link, view.id, nowMs, view.address, view.userAgent],
  )
}

/** The page of a view gave a sign of life. */
export async function touchShareView(
  db: Queryable,
  view: { org: string; link: string; id: string },
  nowMs: number,
): Promise<void> {
  await db.query(
    'update share_views set last_seen_at = greatest(last_seen_at, $4) where org = $1 and link_id = $2 and id = $3',
    [view.org, view.link, view.id, nowMs],
  )
}

/** Newest first, after the one that was opened at `after[0]` and has the id `after[1]`. */
export function listShareViews(
  db: Queryable,
  org: string,
  link: string,
  { after, limit }: { after: readonly [number, string] | undefined; limit: number },
): Promise<ShareViewRow[]> {
  return db.query<ShareViewRow>(
    `select id, opened_at as "openedAt", last_seen_at as "lastSeenAt", address, user_agent as "userAgent" from share_views
     where org = $1 and link_id = $2 and ($3::bigint is null or (opened_at, id) < ($3, $4))
     order by opened_at desc, id desc limit $5`,
    [org, link, after?.[0] ?? null, after?.[1] ?? null, limit],
  )
}
