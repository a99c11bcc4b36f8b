import type { AedesPublishPacket } from 'aedes'
import { type ParsedTopic, parseTopic, type ShareScope, type TrackwireError } from '../../contract/index.ts'
import type { Connection } from '../connections.ts'
import type { Tell } from '../notices.ts'

/** What the broker asks of those who know share links. */
export interface ShareGate {
  /** The payload as the bearer of the scope may see it now; null: not at all. */
  view(share: ShareScope, topic: ParsedTopic, payload: Buffer, nowMs: number): Buffer | null
  /** Calls back once, when the link has ended before its time. @returns ends the watching */
  watch(org: string, share: ShareScope, ended: (refusal: TrackwireError) => void): () => void
}

/**
 * Cuts a packet down to what the scope shows of it; false: nothing. The packet is the connection's own copy, and it is changed
 * in place because of what is queued for a session Aedes sends the packet that it asked about, not the one it is answered.
 */
export function narrow(
  share: ShareScope,
  packet: AedesPublishPacket,
  shares: ShareGate | undefined,
  nowMs: number,
): boolean {
  const topic = parseTopic(packet.topic)
  if (shares === undefined || topic === null) return false
  const payload = shares.view(share, topic, Buffer.from(packet.payload), nowMs)
  if (payload === null) return false
  packet.payload = payload
  return true
}

/** Ends a viewer's connection with its link, after telling why. Its time is that of its token, so `TokenExpiry` sees to it. */
export function endWithLink(connection: Connection, shares: ShareGate | undefined, tell: Tell): void {
  const { org, share } = connection.principal
  if (share === undefined || shares === undefined) return
  const stop = shares.watch(org, share, ({ code, message }) => {
    tell(connection.principal, { code, message, topic: '$auth/token' })
    // The notice leaves with the next turn of the event loop; the connection ends after it.
    setImmediate(() => setImmediate(() => connection.client.conn.destroy()))
  })
  connection.client.conn.once('close', stop)
}
