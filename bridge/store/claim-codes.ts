import type { Queryable } from './database.ts'

export interface NewClaimCode {
  readonly deviceId: string
  readonly codeHash: string
}

export interface ClaimCodeRow {
  readonly id: number
  readonly deviceId: string
  readonly revokes: boolean
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly cancelledAt: number | null
  readonly claimedAt: number | null
  readonly claimedFrom: string | null
}

const COLUMNS = `id, device_id as "deviceId", revokes, created_by as "createdBy", created_at as "createdAt",
  expires_at as "expiresAt", cancelled_at as "cancelledAt", claimed_at as "claimedAt", claimed_from as "claimedFrom"`

/** Of devices that are registered. @returns the ids in the order of the codes */
export function insertClaimCodes(
  db: Queryable,
  org: string,
  codes: readonly NewClaimCode[],
  { revokes, by, nowMs, expiresAt }: { revokes: boolean; by: string; nowMs: number; expiresAt: number },
): Promise<{ id: number; codeHash: string }[]> {
  return db.query(
    `insert into claim_codes (org, device_id, code_hash, revokes, created_by, created_at, expires_at)
     select $1::text, device_id, code_hash, $4::boolean, $5::text, $6::bigint, $7::bigint
     from unnest($2::text[], $3::text[]) with ordinality as t(device_id, code_hash, place) order by place
     returning id, code_hash as "codeHash"`,
    [org, codes.map(({ deviceId }) => deviceId), codes.map(({ codeHash }) => codeHash), revokes, by, nowMs, expiresAt],
  )
}

/** Uses a code up. @returns whose it was; undefined when it cannot be used (any more) */
export async function useClaimCode(
  db: Queryable,
  codeHash: string,
  { nowMs, address }: { nowMs: number; address: string },
): Promise<{ org: string; deviceId: string; revokes: boolean } | undefined> {
  const rows = await db.query<{ org: string; deviceId: string; revokes: boolean }>(
    `update claim_codes set claimed_at = $2, claimed_from = $3
     where code_hash = $1 and claimed_at is null and cancelled_at is null and expires_at > $2
     returning org, device_id as "deviceId", revokes`,
    [codeHash, nowMs, address],
  )
  return rows[0]
}

export async function findClaimCode(db: Queryable, codeHash: string): Promise<ClaimCodeRow | undefined> {
  const rows = await db.query<ClaimCodeRow>(`select ${COLUMNS} from claim_codes where code_hash = $1`, [codeHash])
  return rows[0]
}

/** The codes of a device, newest first, older than `before`. */
export function listClaimCodes(
  db: Queryable,
  org: string,
  deviceId: string,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<ClaimCodeRow[]> {
  return db.query(
    `select ${COLUMNS} from claim_codes
     where org = $1 and device_id = $2 and ($3::bigint is null or id < $3) order by id desc limit $4`,
    [org, deviceId, before ?? null, limit],
  )
}

/** @returns whether there was a code that could still be used */
export async function cancelClaimCode(
  db: Queryable,
  { org, deviceId, id }: { org: string; deviceId: string; id: number },
  nowMs: number,
): Promise<boolean> {
  const rows = await db.query(
    `update claim_codes set cancelled_at = $4
     where org = $1 and device_id = $2 and id = $3 and claimed_at is null and cancelled_at is null returning 1`,
    [org, deviceId, id, nowMs],
  )
  return rows.length > 0
}

/** Codes that were of no use for so long are forgotten. */
export async function forgetClaimCodes(db: Queryable, beforeMs: number): Promise<void> {
  await db.query('delete from claim_codes where expires_at < $1', [beforeMs])
}
