import type { Decision } from '../../../geofence-engine/index.ts'
import type { Queryable } from '../database.ts'

export interface DecisionAt {
  /** Order of storing; settles the order of decisions of the same time. */
  readonly seq: number
  readonly fix_time: number
  readonly body: Decision
}

/**
 * Why there was an event, or none: the decisions of a device, ascending by the time of the fix (or of the clock), then by the order
 * of storing. `from` inclusive, `to` exclusive, milliseconds; `after` is `[fix_time, seq]` of the last one of the page before.
 * `subject` is a fence's id or a rule's name.
 */
export function listDecisions(
  db: Queryable,
  org: string,
  deviceId: string,
  range: {
    readonly from?: number | undefined
    readonly to?: number | undefined
    readonly subject?: string | undefined
    readonly after?: readonly [number, number] | undefined
    readonly limit: number
  },
): Promise<DecisionAt[]> {
  const [afterTime, afterSeq] = range.after ?? [Number.MIN_SAFE_INTEGER, 0]
  return db.query<DecisionAt>(
    `select seq, fix_time, body from decisions
     where org = $1 and device_id = $2 and fix_time >= $3 and fix_time < $4 and ($5::text is null or subject = $5)
       and (fix_time, seq) > ($6::bigint, $7::bigint)
     order by fix_time, seq limit $8`,
    [
      org,
      deviceId,
      range.from ?? Number.MIN_SAFE_INTEGER,
      range.to ?? Number.MAX_SAFE_INTEGER,
      range.subject ?? null,
      afterTime,
      afterSeq,
      range.limit,
    ],
  )
}
