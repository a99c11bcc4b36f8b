import type { ShareArea } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

/** A share link as it is stored. Times in milliseconds. */
export interface ShareLinkRow {
  readonly org: string
  readonly id: string
  readonly maker: string
  readonly label: string | null
  readonly devices: string[]
  readonly from: number
  readonly until: number
  readonly history: boolean
  readonly area: ShareArea | null
  readonly precisionMeters: number | null
  readonly maxViews: number | null
  readonly views: number
  readonly createdAt: number
  readonly revokedAt: number | null
  /** Its maker may see all of its devices now. */
  readonly makerHolds: boolean
}

export type NewShareLink = Omit<ShareLinkRow, 'views' | 'revokedAt' | 'makerHolds'> & { readonly codeHash: string }

/** A maker without an account came by a token of its own, of which the database knows no more than whether its bearer is banned. */
const COLUMNS = `l.org, l.id, l.maker, l.label, l.devices, l.from_time as "from", l.until_time as "until", l.history, l.area,
  l.precision_meters as "precisionMeters", l.max_views as "maxViews", l.views, l.created_at as "createdAt",
  l.revoked_at as "revokedAt",
  ((not l.maker_has_account or exists (
    select 1 from users u where u.org = l.org and u.user_id = l.maker and not u.disabled
      and (u.role in ('admin', 'dispatcher') or (u.role in ('driver', 'user') and not exists (
        select 1 from unnest(l.devices) as d(id) where not d.id = any (u.devices) and not exists (
          select 1 from devices v where v.org = l.org and v.device_id = d.id and v.groups && u.groups
        )
      )))
  )) and not exists (
    select 1 from bans b where b.org = l.org and b.sub = l.maker
      and (b.until is null or b.until > extract(epoch from now()) * 1000)
  )) as "makerHolds"`

export async function insertShareLink(db: Queryable, link: NewShareLink): Promise<void> {
  await db.query(
    `insert into share_links (org, id, code_hash, maker, maker_has_account, label, devices, from_time, until_time, history,
       area, precision_meters, max_views, created_at)
     values ($1, $2, $3, $4, exists (select 1 from users where org = $1 and user_id = $4), $5, $6, $7, $8, $9, $10::jsonb,
       $11, $12, $13)`,
    [
      link.org,
      link.id,
      link.codeHash,
      link.maker,
      link.label,
      link.devices,
      link.from,
      link.until,
      link.history,
      link.area === null ? null : JSON.stringify(link.area),
      link.precisionMeters,
      link.maxViews,
      link.createdAt,
    ],
  )
}

export async function findShareLink(db: Queryable, org: string, id: string): Promise<ShareLinkRow | undefined> {
  const [row] = await db.query<ShareLinkRow>(`select ${COLUMNS} from share_links l where l.org = $1 and l.id = $2`, [
    org,
    id,
  ])
  return row
}

export async function findShareLinkByCode(db: Queryable, codeHash: string): Promise<ShareLinkRow | undefined> {
  const [row] = await db.query<ShareLinkRow>(`select ${COLUMNS} from share_links l where l.code_hash = $1`, [codeHash])
  return row
}

/** Those of these links that there are. */
export function findShareLinks(
  db: Queryable,
  links: readonly { readonly org: string; readonly id: string }[],
): Promise<ShareLinkRow[]> {
  return db.query<ShareLinkRow>(
    `select ${COLUMNS} from share_links l join unnest($1::text[], $2::text[]) as t(org, id) using (org, id)`,
    [links.map(({ org }) => org), links.map(({ id }) => id)],
  )
}

/** Newest first, of one maker or (null) of all, after the one that was made at `after[0]` and has the id `after[1]`. */
export function listShareLinks(
  db: Queryable,
  org: string,
  { maker, after, limit }: { maker: string | null; after: readonly [number, string] | undefined; limit: number },
): Promise<ShareLinkRow[]> {
  return db.query<ShareLinkRow>(
    `select ${COLUMNS} from share_links l
     where l.org = $1 and ($2::text is null or l.maker = $2) and ($3::bigint is null or (l.created_at, l.id) < ($3, $4))
     order by l.created_at desc, l.id desc limit $5`,
    [org, maker, after?.[0] ?? null, after?.[1] ?? null, limit],
  )
}

export async function changeShareLink(
  db: Queryable,
  org: string,
  id: string,
  { label, until }: { label: string | null; until: number },
): Promise<void> {
  await db.query('update share_links set label = $3, until_time = $4 where org = $1 and id = $2', [
    org,
    id,
    label,
    until,
  ])
}

/** Revoking twice keeps the first time: then false. */
export async function revokeShareLink(
  db: Queryable,
  { org, id, by }: { org: string; id: string; by: string },
  nowMs: number,
): Promise<boolean> {
  const rows = await db.query(
    `update share_links set revoked_at = $3, revoked_by = $4
     where org = $1 and id = $2 and revoked_at is null returning id`,
    [org, id, nowMs, by],
  )
  return rows.length > 0
}

/** Counts an opening; false when it was opened as often as it may be. */
export async function countShareView(db: Queryable, org: string, id: string): Promise<boolean> {
  const rows = await db.query(
    `update share_links set views = views + 1
     where org = $1 and id = $2 and (max_views is null or views < max_views) returning views`,
    [org, id],
  )
  return rows.length > 0
}

/** Links that ended before a time, with their views. */
export async function deleteShareLinksEndedBefore(db: Queryable, timeMs: number): Promise<void> {
  await db.query('delete from share_links where until_time < $1', [timeMs])
}
