import type { Queryable } from '../database.ts'

export type SetAsideState = 'waiting' | 'accepted' | 'dropped'

export interface SetAsideRow {
  readonly id: number
  readonly device_id: string
  readonly reason: string
  readonly fix_time: number
  readonly received_at: number
  readonly fix: unknown
  readonly state: SetAsideState
  readonly judged_by: string | null
  readonly judged_at: number | null
  readonly accepted_time: number | null
}

/** The sort key of a row: received_at, id. */
export type SetAsideKey = readonly [number, number]

const COLUMNS = 'id, device_id, reason, fix_time, received_at, fix, state, judged_by, judged_at, accepted_time'

/** Fixes that could not be trusted, the newest received first. `visible` null means all of the organisation. */
export function listSetAside(
  db: Queryable,
  org: string,
  filter: {
    visible: readonly string[] | null
    state: SetAsideState
    deviceId?: string | undefined
    reason?: string | undefined
    /** Of the receipt, milliseconds: `from` inclusive, `to` exclusive. */
    from?: number | undefined
    to?: number | undefined
    before?: SetAsideKey | undefined
    limit: number
  },
): Promise<SetAsideRow[]> {
  const [receivedAt, id] = filter.before ?? [null, null]
  return db.query<SetAsideRow>(
    `select ${COLUMNS} from set_aside
     where org = $1 and ($2::text[] is null or device_id = any($2)) and state = $3 and ($4::text is null or device_id = $4)
       and ($5::text is null or reason = $5) and received_at >= $6 and received_at < $7
       and ($8::bigint is null or (received_at, id) < ($8::bigint, $9::bigint))
     order by received_at desc, id desc limit $10`,
    [
      org,
      filter.visible,
      filter.state,
      filter.deviceId ?? null,
      filter.reason ?? null,
      filter.from ?? Number.MIN_SAFE_INTEGER,
      filter.to ?? Number.MAX_SAFE_INTEGER,
      receivedAt,
      id,
      filter.limit,
    ],
  )
}

/** One of them, whatever was decided about it. */
export async function findSetAside(db: Queryable, org: string, id: number): Promise<SetAsideRow | undefined> {
  const [row] = await db.query<SetAsideRow>(`select ${COLUMNS} from set_aside where org = $1 and id = $2`, [org, id])
  return row
}
