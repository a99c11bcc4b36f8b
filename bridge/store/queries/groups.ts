import type { Queryable } from '../database.ts'

export interface GroupRow {
  readonly id: string
  readonly devices: number
  readonly users: number
}

/** Groups are made by naming them: those that a device is in or that were granted to a user, in order of their id. */
export function listGroups(
  db: Queryable,
  org: string,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<GroupRow[]> {
  return db.query<GroupRow>(
    `select id, count(distinct device_id) as devices, count(distinct user_id) as users from (
       select unnest(groups) as id, device_id, null as user_id from devices where org = $1
       union all select unnest(groups), null, user_id from users where org = $1
     ) as named where $2::text is null or id > $2 group by id order by id limit $3`,
    [org, after ?? null, limit],
  )
}
