import type { SosEvent } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

/** A stored event of an alert by its id. */
export async function findSosEvent(db: Queryable, org: string, id: string): Promise<SosEvent | undefined> {
  const [row] = await db.query<{ body: SosEvent }>('select body from sos_events where org = $1 and id = $2', [org, id])
  return row?.body
}
