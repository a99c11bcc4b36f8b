import type { ProximityRule } from '../../contract/index.ts'
import type { ProximityState } from '../../geofence-engine/index.ts'
import type { Queryable } from './database.ts'

export interface ProximityRuleRow {
  readonly org: string
  readonly ruleId: string
  readonly rule: ProximityRule
}

/** A pair of a rule, the first device as the rule names it. */
export interface ProximityPair {
  readonly org: string
  readonly ruleId: string
  readonly deviceId: string
  readonly otherDeviceId: string
}

export function loadProximityRules(db: Queryable): Promise<ProximityRuleRow[]> {
  return db.query<ProximityRuleRow>('select org, rule_id as "ruleId", rule from proximity_rules order by org, rule_id')
}

/** The organisation exists. @returns whether it is new */
export async function saveProximityRule(db: Queryable, row: ProximityRuleRow, nowMs: number): Promise<boolean> {
  const [saved] = await db.query<{ created: boolean }>(
    `insert into proximity_rules (org, rule_id, rule, updated_at) values ($1, $2, $3::jsonb, $4)
     on conflict (org, rule_id) do update set rule = excluded.rule, updated_at = excluded.updated_at
     returning xmax = 0 as created`,
    [row.org, row.ruleId, JSON.stringify(row.rule), nowMs],
  )
  return saved!.created
}

/** @returns whether there was one */
export async function deleteProximityRule(db: Queryable, org: string, ruleId: string): Promise<boolean> {
  const rows = await db.query('delete from proximity_rules where org = $1 and rule_id = $2 returning 1', [org, ruleId])
  return rows.length > 0
}

/** What is remembered of a rule's pairs, or of those with one other device, is forgotten. @returns it */
export function forgetPairs(
  db: Queryable,
  { org, ruleIds, otherDeviceId }: { org: string; ruleIds: readonly string[]; otherDeviceId?: string },
): Promise<(ProximityPair & { readonly state: ProximityState })[]> {
  return db.query<ProximityPair & { readonly state: ProximityState }>(
    `delete from proximity_states where org = $1 and rule_id = any($2::text[]) and ($3::text is null or other_device_id = $3)
     returning org, rule_id as "ruleId", device_id as "deviceId", other_device_id as "otherDeviceId", state`,
    [org, ruleIds, otherDeviceId ?? null],
  )
}

/** What is remembered of these pairs, locked; a pair of which nothing is remembered is missing. */
export function lockProximity(
  db: Queryable,
  pairs: readonly ProximityPair[],
): Promise<(ProximityPair & { readonly state: ProximityState })[]> {
  return db.query<ProximityPair & { readonly state: ProximityState }>(
    `select org, rule_id as "ruleId", device_id as "deviceId", other_device_id as "otherDeviceId", state from proximity_states
     where (org, rule_id, device_id, other_device_id) in (select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]))
     order by org, rule_id, device_id, other_device_id for update`,
    columns(pairs),
  )
}

/** Writes what is to be remembered; null: nothing. */
export async function saveProximity(
  db: Queryable,
  rows: readonly (ProximityPair & { readonly state: ProximityState | null })[],
): Promise<void> {
  const forgotten = rows.filter(({ state }) => state === null)
  if (forgotten.length > 0) {
    await db.query(
      `delete from proximity_states where (org, rule_id, device_id, other_device_id) in
         (select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]))`,
      columns(forgotten),
    )
  }
  const kept = rows.filter(({ state }) => state !== null)
  if (kept.length === 0) return
  await db.query(
    `insert into proximity_states (org, rule_id, device_id, other_device_id, state)
     select org, rule_id, device_id, other_device_id, state::jsonb
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
       as t(org, rule_id, device_id, other_device_id, state)
     on conflict (org, rule_id, device_id, other_device_id) do update set state = excluded.state`,
    [...columns(kept), kept.map(({ state }) => JSON.stringify(state))],
  )
}

function columns(pairs: readonly ProximityPair[]): string[][] {
  return [
    pairs.map(({ org }) => org),
    pairs.map(({ ruleId }) => ruleId),
    pairs.map(({ deviceId }) => deviceId),
    pairs.map(({ otherDeviceId }) => otherDeviceId),
  ]
}
