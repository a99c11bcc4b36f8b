import type { ErrorCode } from '../../contract/index.ts'
import type { Connection } from '../connections.ts'
import type { BrokerMetrics } from '../metrics.ts'
import type { Tell } from '../notices.ts'
import { mayReceive } from './authorize-forward.ts'

/** Why the platform ends a connection, as its principal is told. */
export interface Ending {
  readonly code: ErrorCode
  readonly message: string
  /** Nothing but this notice reaches it any more, and nothing that it sends is heard. */
  readonly isCut?: boolean
}

export type EndConnection = (connection: Connection, ending: Ending) => void

/**
 * Ends a connection from this side: MQTT 3.1.1 has no packet that says why, so the reason goes out on the errors topic first. A
 * will is published, whatever the reason: only the client's own DISCONNECT takes it back. [MQTT-3.1.2-8]
 */
export function endConnections(tell: Tell, metrics: BrokerMetrics): EndConnection {
  return (connection, { code, message, isCut = false }) => {
    if (isCut) {
      connection.isCut = true
      connection.outgoing.withdraw(topic => mayReceive(connection, topic))
    }
    metrics.ended.inc({ code })
    tell(connection.principal, { code, message, topic: '$auth/token' })
    // The notice leaves with the next turn of the event loop; the connection ends after it.
    setImmediate(() => setImmediate(() => connection.client.conn.destroy()))
  }
}
