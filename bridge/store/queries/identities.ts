import type { Queryable } from '../database.ts'

/** The organisations in which a device of this id is registered. */
export async function organisationsOfDevice(db: Queryable, deviceId: string): Promise<string[]> {
  const rows = await db.query<{ org: string }>('select org from devices where device_id = $1 order by org limit 2', [
    deviceId,
  ])
  return rows.map(({ org }) => org)
}
