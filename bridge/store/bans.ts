import type { Queryable } from './database.ts'

export interface BanRow {
  readonly sub: string
  /** Milliseconds; null = until it is lifted. */
  readonly until: number | null
  readonly reason: string | null
  readonly banned_at: number
  readonly banned_by: string
}

const COLUMNS = 'sub, until, reason, banned_at, banned_by'

/** Sets a ban, in place of an earlier one of the same principal. */
export async function putBan(
  tx: Queryable,
  ban: { org: string; sub: string; until: number | null; reason: string | null; by: string },
  nowMs: number,
): Promise<BanRow> {
  const [row] = await tx.query<BanRow>(
    `insert into bans (org, sub, until, reason, banned_at, banned_by) values ($1, $2, $3, $4, $5, $6)
     on conflict (org, sub) do update set until = excluded.until, reason = excluded.reason,
       banned_at = excluded.banned_at, banned_by = excluded.banned_by
     returning ${COLUMNS}`,
    [ban.org, ban.sub, ban.until, ban.reason, nowMs, ban.by],
  )
  return row!
}

/** @returns whether there was one */
export async function deleteBan(tx: Queryable, org: string, sub: string): Promise<boolean> {
  const rows = await tx.query('delete from bans where org = $1 and sub = $2 returning sub', [org, sub])
  return rows.length > 0
}

/** Bans in force, in order of the principal's id. */
export function listBans(
  db: Queryable,
  org: string,
  { after, limit, nowMs }: { after: string | undefined; limit: number; nowMs: number },
): Promise<BanRow[]> {
  return db.query<BanRow>(
    `select ${COLUMNS} from bans
     where org = $1 and (until is null or until > $2) and ($3::text is null or sub > $3) order by sub limit $4`,
    [org, nowMs, after ?? null, limit],
  )
}

/** Until when one is banned, of those in force. `until` null = until it is lifted. */
export async function findBan(
  db: Queryable,
  org: string,
  sub: string,
  nowMs: number,
): Promise<{ readonly until: number | null } | undefined> {
  const rows = await db.query<{ until: number | null }>(
    'select until from bans where org = $1 and sub = $2 and (until is null or until > $3)',
    [org, sub, nowMs],
  )
  return rows[0]
}

export interface BanFact {
  readonly org: string
  readonly sub: string
  readonly until: number | null
}

/** Every ban. */
export function loadBans(db: Queryable): Promise<BanFact[]> {
  return db.query('select org, sub, until from bans')
}

/** Those of these principals that have one. */
export function findBans(db: Queryable, principals: readonly { org: string; id: string }[]): Promise<BanFact[]> {
  return db.query(
    'select org, sub, until from bans join unnest($1::text[], $2::text[]) as t(org, sub) using (org, sub)',
    [principals.map(({ org }) => org), principals.map(({ id }) => id)],
  )
}

/** Deletes those that ended before. */
export async function sweepBans(db: Queryable, beforeMs: number): Promise<void> {
  await db.query('delete from bans where until < $1', [beforeMs])
}
