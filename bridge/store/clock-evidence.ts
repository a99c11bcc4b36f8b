import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

/** What the history of a device says about a time that may have lost its week count. */
export interface ClockEvidence {
  /** There is history around that time: it is where the device was, however long ago. */
  readonly hasHistory: boolean
  /** The same time was received and repaired before: to this one. */
  readonly repairedTo: number | null
  /** By how much the time of the device's newest fix was moved when its week count was repaired; null when it was not. */
  readonly newestMovedBy: number | null
}

export interface ClockQuestion extends DeviceKey {
  readonly timeMs: number
  /** Where a repair could have moved it. */
  readonly candidates: readonly number[]
  /** Time of the device's newest fix. */
  readonly newestMs: number | null
}

/** One answer a question, in order. `aroundMs`: how far around a time counts as history. */
export function findClockEvidence(
  db: Queryable,
  questions: readonly ClockQuestion[],
  aroundMs: number,
): Promise<ClockEvidence[]> {
  const flat = questions.flatMap(({ candidates }, i) => candidates.map(time => [i, time] as const))
  return db.query<ClockEvidence & { ord: number }>(
    `with question as (
       select * from unnest($1::text[], $2::text[], $3::bigint[], $7::bigint[]) with ordinality
         as t(org, device_id, fix_time, newest, ord)
     ), candidate as (
       select * from unnest($4::bigint[], $5::bigint[]) as t(ord, fix_time)
     )
     select q.ord,
       exists(select 1 from fixes f where f.org = q.org and f.device_id = q.device_id
         and f.fix_time between q.fix_time - $6::bigint and q.fix_time + $6::bigint) as "hasHistory",
       (select f.fix_time from candidate c join fixes f on f.org = q.org and f.device_id = q.device_id and f.fix_time = c.fix_time
         where c.ord = q.ord and (f.details -> 'clock' ->> 'received')::bigint = q.fix_time limit 1) as "repairedTo",
       (select f.fix_time - (f.details -> 'clock' ->> 'received')::bigint from fixes f where f.org = q.org
         and f.device_id = q.device_id and f.fix_time = q.newest and f.details -> 'clock' ->> 'repair' = 'week-rollover')
         as "newestMovedBy"
     from question q order by q.ord`,
    [
      questions.map(({ org }) => org),
      questions.map(({ deviceId }) => deviceId),
      questions.map(({ timeMs }) => timeMs),
      flat.map(([i]) => i + 1),
      flat.map(([, time]) => time),
      aroundMs,
      questions.map(({ newestMs }) => newestMs),
    ],
  )
}
