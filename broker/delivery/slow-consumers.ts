import type { Client } from 'aedes'

/** QoS 0 messages to a connection are dropped while more than this waits in its socket buffer. */
export const DROP_ABOVE_BYTES = 1_048_576
/** A connection that lets more than this pile up is closed; what it may not lose waits in its session. */
export const CLOSE_ABOVE_BYTES = 16_777_216

export type Lane = 'deliver' | 'drop' | 'close'

/**
 * What to do with the next message to a connection, by how much it has left unread.
 * @param handedBytes given to it in this turn of the event loop: Aedes writes them in the next one
 */
export function laneFor(client: Client, qos: number, handedBytes: number): Lane {
  const waiting = client.conn.writableLength + handedBytes
  if (waiting > CLOSE_ABOVE_BYTES) return 'close'
  return qos === 0 && waiting > DROP_ABOVE_BYTES ? 'drop' : 'deliver'
}
