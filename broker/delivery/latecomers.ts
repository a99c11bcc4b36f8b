import type { Client } from 'aedes'

/** Always answers "nothing of that broker was delivered yet". */
const NOTHING_DELIVERED = new Proxy<Record<string, number>>({}, { get: () => 0, set: () => true })

/**
 * Aedes drops a packet whose number is below the last one delivered to the connection, as a duplicate that reached it through
 * a second subscription. But numbers are given before the write to the session store, and packets overtake each other there:
 * a QoS 0 position delivered meanwhile made it drop the QoS 1 alert behind it. Duplicates are told by the bus instead.
 */
export function dropNoLatecomers(client: Client): void {
  ;(client as unknown as { duplicates: Record<string, number> }).duplicates = NOTHING_DELIVERED
}
