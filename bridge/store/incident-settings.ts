import type { IncidentSettings } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

export function loadIncidentSettings(db: Queryable): Promise<{ org: string; settings: IncidentSettings }[]> {
  return db.query<{ org: string; settings: IncidentSettings }>('select org, settings from incident_settings')
}

/** The organisation exists. */
export async function saveIncidentSettings(
  db: Queryable,
  org: string,
  settings: IncidentSettings,
  nowMs: number,
): Promise<void> {
  await db.query(
    `insert into incident_settings (org, settings, updated_at) values ($1, $2::jsonb, $3)
     on conflict (org) do update set settings = excluded.settings, updated_at = excluded.updated_at`,
    [org, JSON.stringify(settings), nowMs],
  )
}
