import type { ErrorNotice } from '../../contract/index.ts'
import type { Connection } from '../connections.ts'

/** What a principal is told whose next connection is one too many, or null. A taken-over connection is none more. */
export function tooManyConnections(
  held: ReadonlySet<Connection>,
  clientId: string,
  most: number | null,
): (ErrorNotice & { code: 'connection_limit' }) | null {
  if (most === null || held.size < most) return null
  for (const { client } of held) if (client.id === clientId) return null
  return {
    code: 'connection_limit',
    message: `the principal holds ${held.size} connections, ${most} are allowed; close one, or connect with a client id in use`,
    topic: '$connect',
  }
}
