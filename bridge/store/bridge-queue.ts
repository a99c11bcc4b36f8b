import type { Database, Queryable } from './database.ts'

/** Which of our topics a bridge sends on; see the migration. */
export interface BridgeRoute {
  readonly bridge: string
  readonly place: number
  readonly pattern: string
  readonly localPrefixLength: number
  readonly remotePrefix: string
}

/** A message that another broker has not acknowledged yet; its topic is the one there. */
export interface BridgeMessage {
  readonly id: number
  readonly topic: string
  readonly payload: string
  readonly retain: boolean
}

/**
 * Replaces all routes. What waits for bridges that are not there any more is deleted.
 * @returns how many messages that were
 */
export function replaceBridgeRoutes(
  db: Database,
  routes: readonly BridgeRoute[],
  bridges: readonly string[],
): Promise<number> {
  return db.transaction(async tx => {
    await tx.query('delete from bridge_routes')
    await tx.query(
      `insert into bridge_routes (bridge, place, pattern, local_prefix_length, remote_prefix)
       select * from unnest($1::text[], $2::smallint[], $3::text[], $4::smallint[], $5::text[])`,
      [
        routes.map(({ bridge }) => bridge),
        routes.map(({ place }) => place),
        routes.map(({ pattern }) => pattern),
        routes.map(({ localPrefixLength }) => localPrefixLength),
        routes.map(({ remotePrefix }) => remotePrefix),
      ],
    )
    const [row] = await tx.query<{ n: number }>(
      `with gone as (delete from bridge_queue where bridge <> all($1::text[]) returning 1)
       select count(*) as n from gone`,
      [bridges],
    )
    return row!.n
  })
}

/** A position that was stored just now, and by which bridge it came; within the transaction that stores it. In order. */
export async function keepPositionsForBridges(
  tx: Queryable,
  positions: readonly { readonly topic: string; readonly payload: string; readonly from: string | undefined }[],
  nowMs: number,
): Promise<void> {
  if (positions.length === 0) return
  await tx.query(
    `insert into bridge_queue (bridge, topic, payload, retain, is_position, created_at)
     select to_there.bridge, to_there.topic, message.payload, false, true, $4::bigint
     from unnest($1::text[], $2::text[], $3::text[]) with ordinality as message(topic, payload, came_by, ord)
     cross join lateral bridge_destinations(message.topic) to_there
     where to_there.bridge is distinct from message.came_by order by ord`,
    [
      positions.map(({ topic }) => topic),
      positions.map(({ payload }) => payload),
      positions.map(({ from }) => from ?? null),
      nowMs,
    ],
  )
}

/** The oldest that wait. */
export function readBridgeQueue(db: Queryable, bridge: string, limit: number): Promise<BridgeMessage[]> {
  return db.query<BridgeMessage>(
    'select id, topic, payload, retain from bridge_queue where bridge = $1 order by id limit $2',
    [bridge, limit],
  )
}

export async function countBridgeQueue(db: Queryable, bridge: string): Promise<number> {
  const [row] = await db.query<{ n: number }>('select count(*) as n from bridge_queue where bridge = $1', [bridge])
  return row!.n
}

/** Takes out what the other broker has. */
export async function deleteFromBridgeQueue(db: Queryable, ids: readonly number[]): Promise<void> {
  await db.query('delete from bridge_queue where id = any($1::bigint[])', [ids])
}

/** Gives the oldest up, positions before everything else. @returns how many of which */
export async function trimBridgeQueue(
  db: Queryable,
  bridge: string,
  count: number,
): Promise<{ positions: number; others: number }> {
  const [row] = await db.query<{ positions: number; others: number }>(
    `with gone as (
       delete from bridge_queue where id in (
         select id from bridge_queue where bridge = $1 order by is_position desc, id limit $2
       ) returning is_position
     )
     select count(*) filter (where is_position) as positions, count(*) filter (where not is_position) as others from gone`,
    [bridge, count],
  )
  return row!
}
