import type { RuleSettings } from '../../contract/index.ts'
import type { Queryable } from './database.ts'

export type RuleScope = 'organisation' | 'group' | 'device'

/** Whose settings: `subject` is the group's or the device's id, '' for the organisation. */
export interface RuleSubject {
  readonly org: string
  readonly scope: RuleScope
  readonly subject: string
}

/** `settings` null: taken away by the change of that epoch. */
export interface RuleSettingsRow extends RuleSubject {
  readonly settings: RuleSettings | null
  readonly epoch: number
}

/** Every row of every organisation. */
export function loadRuleSettings(db: Queryable): Promise<RuleSettingsRow[]> {
  return db.query<RuleSettingsRow>('select org, scope, subject, settings, epoch from rule_settings')
}

/** Writes the settings of one subject; its organisation exists. */
export async function upsertRuleSettings(tx: Queryable, row: RuleSettingsRow, nowMs: number): Promise<void> {
  await tx.query(
    `insert into rule_settings (org, scope, subject, settings, epoch, updated_at) values ($1, $2, $3, $4::jsonb, $5, $6)
     on conflict (org, scope, subject) do update set settings = excluded.settings, epoch = excluded.epoch,
       updated_at = excluded.updated_at`,
    [row.org, row.scope, row.subject, row.settings && JSON.stringify(row.settings), row.epoch, nowMs],
  )
}

/** The settings of one subject; undefined when it has none. */
export async function findRuleSettings(
  db: Queryable,
  { org, scope, subject }: RuleSubject,
): Promise<RuleSettings | undefined> {
  const [row] = await db.query<{ settings: RuleSettings | null }>(
    'select settings from rule_settings where org = $1 and scope = $2 and subject = $3',
    [org, scope, subject],
  )
  return row?.settings ?? undefined
}

/** All settings that concern a device of these groups, in no particular order. */
export function findRulesOfDevice(
  db: Queryable,
  { org, deviceId, groups }: { org: string; deviceId: string; groups: readonly string[] },
): Promise<RuleSettingsRow[]> {
  return db.query<RuleSettingsRow>(
    `select org, scope, subject, settings, epoch from rule_settings
     where org = $1 and settings is not null and (scope = 'organisation' or (scope = 'group' and subject = any($3::text[]))
       or (scope = 'device' and subject = $2))`,
    [org, deviceId, [...groups]],
  )
}
