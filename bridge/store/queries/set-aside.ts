import type { Queryable } from '../database.ts'

export interface SetAsideRow {
  readonly device_id: string
  readonly reason: string
  readonly fix_time: number
  readonly received_at: number
  readonly fix: unknown
}

/** The sort key of a row: received_at, device_id, reason, fix_time. */
export type SetAsideKey = readonly [number, string, string, number]

/** Fixes that could not be trusted, the newest received first. `visible` null means all of the organisation. */
export function listSetAside(
  db: Queryable,
  org: string,
  filter: {
    visible: readonly string[] | null
    deviceId?: string | undefined
    before?: SetAsideKey | undefined
    limit: number
  },
): Promise<SetAsideRow[]> {
  const [receivedAt, deviceId, reason, fixTime] = filter.before ?? [null, null, null, null]
  return db.query<SetAsideRow>(
    `select device_id, reason, fix_time, received_at, fix from set_aside
     where org = $1 and ($2::text[] is null or device_id = any($2)) and ($3::text is null or device_id = $3)
       and ($4::bigint is null
         or (received_at, device_id, reason, fix_time) < ($4::bigint, $5::text, $6::text, $7::bigint))
     order by received_at desc, device_id desc, reason desc, fix_time desc limit $8`,
    [org, filter.visible, filter.deviceId ?? null, receivedAt, deviceId, reason, fixTime, filter.limit],
  )
}
