import type { CommandState } from '../../contract/index.ts'
import type { Queryable } from './database.ts'
import type { DeviceKey } from './device-states.ts'

export interface CommandKey extends DeviceKey {
  readonly commandId: string
}

/** A command as it is stored. Times in milliseconds. */
export interface CommandRow extends CommandKey {
  readonly seq: number
  readonly name: string
  readonly args: Record<string, unknown>
  readonly request: string
  readonly state: CommandState
  readonly held: string | null
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly confirmedBy: string | null
  readonly confirmedAt: number | null
  readonly transport: string | null
  readonly attempts: number
  readonly sentAt: number | null
  readonly deliveredAt: number | null
  readonly endedAt: number | null
  readonly result: unknown
  readonly error: string | null
}

export type NewCommand = Pick<
  CommandRow,
  'org' | 'deviceId' | 'commandId' | 'name' | 'args' | 'request' | 'state' | 'createdBy' | 'createdAt' | 'expiresAt'
>

const COLUMNS = `org, device_id as "deviceId", command_id as "commandId", seq, name, args, request, state, held,
  created_by as "createdBy", created_at as "createdAt", expires_at as "expiresAt", confirmed_by as "confirmedBy",
  confirmed_at as "confirmedAt", transport, attempts, sent_at as "sentAt", delivered_at as "deliveredAt",
  ended_at as "endedAt", result, error`

const keyOf = ({ org, deviceId, commandId }: CommandKey) => [org, deviceId, commandId]

/** @returns the row; undefined when the device has a command of that id already */
export async function insertCommand(db: Queryable, command: NewCommand): Promise<CommandRow | undefined> {
  const { name, args, request, state, createdBy, createdAt, expiresAt } = command
  const [row] = await db.query<CommandRow>(
    `insert into commands (org, device_id, command_id, name, args, request, state, created_by, created_at, expires_at)
     values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10) on conflict do nothing returning ${COLUMNS}`,
    [...keyOf(command), name, JSON.stringify(args), request, state, createdBy, createdAt, expiresAt],
  )
  return row
}

export async function findCommand(db: Queryable, key: CommandKey): Promise<CommandRow | undefined> {
  const [row] = await db.query<CommandRow>(
    `select ${COLUMNS} from commands where org = $1 and device_id = $2 and command_id = $3`,
    keyOf(key),
  )
  return row
}

/** One command, locked until the transaction ends. */
export async function lockCommand(db: Queryable, key: CommandKey): Promise<CommandRow | undefined> {
  const [row] = await db.query<CommandRow>(
    `select ${COLUMNS} from commands where org = $1 and device_id = $2 and command_id = $3 for update`,
    keyOf(key),
  )
  return row
}

/** Writes what can change of a locked command. */
export async function saveCommand(db: Queryable, row: CommandRow): Promise<void> {
  await db.query(
    `update commands set state = $4, held = $5, confirmed_by = $6, confirmed_at = $7, transport = $8, attempts = $9,
       sent_at = $10, delivered_at = $11, ended_at = $12, result = $13::jsonb, error = $14
     where org = $1 and device_id = $2 and command_id = $3`,
    [
      ...keyOf(row),
      row.state,
      row.held,
      row.confirmedBy,
      row.confirmedAt,
      row.transport,
      row.attempts,
      row.sentAt,
      row.deliveredAt,
      row.endedAt,
      row.result === undefined || row.result === null ? null : JSON.stringify(row.result),
      row.error,
    ],
  )
}

/** Says why a command is held back, as long as it is queued. */
export async function saveHold(db: Queryable, key: CommandKey, held: string | null): Promise<void> {
  await db.query(
    `update commands set held = $4 where org = $1 and device_id = $2 and command_id = $3 and state = 'queued'`,
    [...keyOf(key), held],
  )
}

/** Those of a device that are queued, or sent and not known to have arrived; the oldest first. */
export function listUnderWay(db: Queryable, { org, deviceId }: DeviceKey): Promise<CommandRow[]> {
  return db.query<CommandRow>(
    `select ${COLUMNS} from commands where org = $1 and device_id = $2 and state in ('queued', 'sent') order by seq`,
    [org, deviceId],
  )
}

/** Devices for which commands are under way. */
export function listDevicesUnderWay(db: Queryable): Promise<DeviceKey[]> {
  return db.query<DeviceKey>(
    `select distinct org, device_id as "deviceId" from commands where state in ('queued', 'sent')`,
  )
}

/** Whether a command of one of these names was asked for after that one, and stands. */
export async function hasLater(db: Queryable, row: CommandRow, names: readonly string[]): Promise<boolean> {
  const [found] = await db.query(
    `select 1 as one from commands where org = $1 and device_id = $2 and seq > $3 and lower(name) = any($4::text[])
       and state not in ('failed', 'expired', 'cancelled') limit 1`,
    [row.org, row.deviceId, row.seq, names],
  )
  return found !== undefined
}

/** Those whose time is over before the device was known to have them. */
export function listExpired(db: Queryable, nowMs: number, limit: number): Promise<CommandKey[]> {
  return db.query<CommandKey>(
    `select org, device_id as "deviceId", command_id as "commandId" from commands
     where state in ('awaiting-confirmation', 'queued', 'sent') and expires_at <= $1 order by expires_at limit $2`,
    [nowMs, limit],
  )
}

/** How many of a device wait: for a person, for the device, for its acknowledgement. */
export async function countWaiting(db: Queryable, { org, deviceId }: DeviceKey): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from commands
     where org = $1 and device_id = $2 and state in ('awaiting-confirmation', 'queued', 'sent')`,
    [org, deviceId],
  )
  return row!.count
}

/** How many wait in each state. */
export function countByState(db: Queryable): Promise<{ state: CommandState; count: number }[]> {
  return db.query(
    `select state, count(*)::int as count from commands
     where state in ('awaiting-confirmation', 'queued', 'sent') group by state`,
  )
}

/** The commands of a device, newest first. */
export function listCommands(
  db: Queryable,
  { org, deviceId }: DeviceKey,
  filter: { state?: CommandState | undefined; before?: number | undefined; limit: number },
): Promise<CommandRow[]> {
  return db.query<CommandRow>(
    `select ${COLUMNS} from commands
     where org = $1 and device_id = $2 and ($3::text is null or state = $3) and ($4::bigint is null or seq < $4)
     order by seq desc limit $5`,
    [org, deviceId, filter.state ?? null, filter.before ?? null, filter.limit],
  )
}

/** Over which transport a device was sent a command last. */
export async function lastTransport(db: Queryable, { org, deviceId }: DeviceKey): Promise<string | null> {
  const [row] = await db.query<{ transport: string }>(
    `select transport from commands where org = $1 and device_id = $2 and transport is not null order by seq desc limit 1`,
    [org, deviceId],
  )
  return row?.transport ?? null
}

export interface CommandEvent {
  readonly at: number
  readonly happening: string
  readonly state: CommandState
  readonly by: string | null
  readonly note: string | null
}

export async function insertCommandEvent(db: Queryable, key: CommandKey, event: CommandEvent): Promise<void> {
  const { at, happening, state, by, note } = event
  await db.query(
    `insert into command_events (org, device_id, command_id, at, happening, state, by, note)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [...keyOf(key), at, happening, state, by, note],
  )
}

/** The same, of what changed nothing: noted once for each kind. */
export async function insertLateEvent(db: Queryable, key: CommandKey, event: CommandEvent): Promise<void> {
  const { at, happening, state, note } = event
  await db.query(
    `insert into command_events (org, device_id, command_id, at, happening, state, note)
     select $1::text, $2::text, $3::text, $4::bigint, $5::text, $6::text, $7::text
     where not exists (select from command_events
       where org = $1 and device_id = $2 and command_id = $3 and happening = $5 and state = $6)`,
    [...keyOf(key), at, happening, state, note],
  )
}

/** What happened to a command, oldest first. */
export function listCommandEvents(db: Queryable, key: CommandKey): Promise<CommandEvent[]> {
  return db.query<CommandEvent>(
    `select at, happening, state, by, note from command_events
     where org = $1 and device_id = $2 and command_id = $3 order by seq limit 1000`,
    keyOf(key),
  )
}

/** Those of a device that were asked for before a time, with their history; what still waits stays. */
export async function deleteCommandsBefore(db: Queryable, { org, deviceId }: DeviceKey, timeMs: number): Promise<void> {
  await db.query(
    `delete from commands where org = $1 and device_id = $2 and created_at < $3
       and state not in ('awaiting-confirmation', 'queued', 'sent')`,
    [org, deviceId, timeMs],
  )
}
