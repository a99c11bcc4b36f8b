import type { LocationUpdate } from '../../contract/index.ts'
import { bigintColumn, doubleColumn, textColumn } from './columns.ts'
import type { Queryable } from './database.ts'

export interface FixRow {
  readonly org: string
  readonly deviceId: string
  readonly receivedAt: number
  readonly fix: LocationUpdate
  readonly clock?: ClockRepair | undefined
}

/** Why a fix is stored with another time than it was sent with. */
export interface ClockRepair {
  /** The timestamp as it was sent. */
  readonly received: number
  /** A lost GPS week count, an offset a person set for the device, or a person's judgement of this fix. */
  readonly repair: 'week-rollover' | 'clock-offset' | 'accepted'
}

/** The columns of fixes as parameters $1 to $11, one row each. */
const ROWS = `unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::float8[], $6::float8[], $7::float8[], $8::float8[],
  $9::float8[], $10::float8[], $11::text[])`
const NAMES = 'org, device_id, fix_time, received_at, lat, lng, accuracy, speed, heading, altitude, details'
const VALUES = NAMES.replace('details', 'details::jsonb')

/**
 * Stores fixes that are newer than all of their devices. Half the cost of looking for each first.
 * Errors: DatabaseError `23505` when one is there all the same.
 */
export async function insertNewFixes(db: Queryable, rows: readonly FixRow[]): Promise<void> {
  await db.query(`insert into fixes (${NAMES}) select ${VALUES} from ${ROWS} as t(${NAMES})`, columnsOf(rows))
}

/**
 * Stores fixes; those that are there already (same org, device and timestamp) stay as they are.
 * @returns the indices of the fixes that were there already
 */
export async function insertFixes(db: Queryable, rows: readonly FixRow[]): Promise<number[]> {
  const repeated = await db.query<{ ord: number }>(
    `with input as materialized (
       select * from ${ROWS} with ordinality as t(${NAMES}, ord)
     ), inserted as (
       insert into fixes (${NAMES}) select ${VALUES} from input on conflict do nothing returning org, device_id, fix_time
     )
     -- Which they are is looked for only when there are any.
     select ord - 1 as ord from input where (select count(*) from inserted) < (select count(*) from input)
       and (org, device_id, fix_time) not in (select org, device_id, fix_time from inserted)`,
    columnsOf(rows),
  )
  return repeated.map(({ ord }) => ord)
}

function columnsOf(rows: readonly FixRow[]): Uint8Array[] {
  return [
    textColumn(rows, ({ org }) => org),
    textColumn(rows, ({ deviceId }) => deviceId),
    bigintColumn(rows, ({ fix }) => fix.timestamp),
    bigintColumn(rows, ({ receivedAt }) => receivedAt),
    doubleColumn(rows, ({ fix }) => fix.location.lat),
    doubleColumn(rows, ({ fix }) => fix.location.lng),
    doubleColumn(rows, ({ fix }) => fix.location.accuracy ?? null),
    doubleColumn(rows, ({ fix }) => fix.location.speed ?? null),
    doubleColumn(rows, ({ fix }) => fix.location.heading ?? null),
    doubleColumn(rows, ({ fix }) => fix.location.altitude ?? null),
    textColumn(rows, detailsOf),
  ]
}

/** @returns the indices of those that are not stored yet */
export async function findUnstored(
  db: Queryable,
  rows: readonly { readonly org: string; readonly deviceId: string; readonly fix: LocationUpdate }[],
): Promise<Set<number>> {
  const unstored = await db.query<{ ord: number }>(
    `select ord - 1 as ord from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as t(org, device_id, fix_time, ord)
     where not exists (select 1 from fixes f where f.org = t.org and f.device_id = t.device_id and f.fix_time = t.fix_time)`,
    [
      textColumn(rows, ({ org }) => org),
      textColumn(rows, ({ deviceId }) => deviceId),
      bigintColumn(rows, ({ fix }) => fix.timestamp),
    ],
  )
  return new Set(unstored.map(({ ord }) => ord))
}

/** What has no column of its own: `{userId?, metadata?, attributes?, clock?}`. */
function detailsOf({ fix: { userId, metadata, attributes }, clock }: FixRow): string | null {
  if (userId === undefined && metadata === undefined && attributes === undefined && clock === undefined) return null
  return JSON.stringify({ userId, metadata, attributes, clock })
}
