import { bigintColumn, textColumn } from './columns.ts'
import type { Queryable } from './database.ts'

/** A message the broker is to be given. */
export interface OutgoingMessage {
  readonly topic: string
  readonly payload: string
  readonly qos: 0 | 1
  readonly retain: boolean
}

/** A message of the outbox; ids grow in the order of commits of one device or fence. */
export interface OutboxRow extends OutgoingMessage {
  readonly id: number
}

const COLUMNS = 'id, topic, payload, qos, retain'

/** Writes messages that do not depend on an event being new (retained fences). In order. */
export async function insertOutbox(
  db: Queryable,
  messages: readonly OutgoingMessage[],
  nowMs: number,
): Promise<OutboxRow[]> {
  if (messages.length === 0) return []
  return db.query<OutboxRow>(
    `insert into outbox (topic, payload, qos, retain, created_at)
     select topic, payload, qos, retain, $5::bigint
     from unnest($1::text[], $2::text[], $3::smallint[], $4::boolean[]) with ordinality as t(topic, payload, qos, retain, ord)
     order by ord returning ${COLUMNS}`,
    [
      textColumn(messages, ({ topic }) => topic),
      textColumn(messages, ({ payload }) => payload),
      messages.map(({ qos }) => qos),
      messages.map(({ retain }) => retain),
      nowMs,
    ],
  )
}

/** What is still to be announced, oldest first: rows after `afterId` that were written before `beforeMs`. */
export function pageOutbox(
  db: Queryable,
  { afterId, beforeMs, limit }: { afterId: number; beforeMs: number; limit: number },
): Promise<OutboxRow[]> {
  return db.query<OutboxRow>(`select ${COLUMNS} from outbox where id > $1 and created_at <= $2 order by id limit $3`, [
    afterId,
    beforeMs,
    limit,
  ])
}

/** Takes out what the broker has. */
export async function deleteOutbox(db: Queryable, ids: readonly number[]): Promise<void> {
  await db.query('delete from outbox where id = any($1::bigint[])', [bigintColumn(ids, id => id)])
}
