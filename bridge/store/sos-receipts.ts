import type { Queryable } from './database.ts'

/** What became of an SOS event on one of the channels that tell it. */
export interface SosReceipt {
  readonly org: string
  readonly eventId: string
  /** `mqtt`; later channels add theirs. */
  readonly channel: string
  /** A topic, a user, an address. */
  readonly target: string
  /** `announced` = the broker took it. */
  readonly status: string
  readonly receivedAt: number
}

/** Adds receipts; one that is there already stays as it is. */
export async function insertSosReceipts(db: Queryable, receipts: readonly SosReceipt[]): Promise<void> {
  await db.query(
    `insert into sos_receipts (org, event_id, channel, target, status, received_at)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) on conflict do nothing`,
    [
      receipts.map(({ org }) => org),
      receipts.map(({ eventId }) => eventId),
      receipts.map(({ channel }) => channel),
      receipts.map(({ target }) => target),
      receipts.map(({ status }) => status),
      receipts.map(({ receivedAt }) => receivedAt),
    ],
  )
}
