import { isSameShare, TrackwireError } from '../../contract/index.ts'
import type { Connection, Connections } from '../connections.ts'
import { upToCertificate, type VerifyToken } from './admit.ts'
import { currentPrincipal, type LiveRights } from './live-rights.ts'
import type { Rights } from './rights.ts'
import type { TokenExpiry } from './token-expiry.ts'

export type RenewToken = (connection: Connection, token: string) => Promise<void>

/**
 * A connection lives on with another token of the same principal. Several are taken in the order in which they came; one that is
 * refused leaves everything as it was.
 * @throws TrackwireError token_invalid, token_expired, token_revoked, principal_banned
 */
export function renewTokens(options: {
  verifyToken: VerifyToken
  rights: Rights
  live: LiveRights
  expiry: TokenExpiry
  connections: Connections
}): RenewToken {
  const { verifyToken, rights, live, expiry, connections } = options

  async function renew(connection: Connection, token: string): Promise<void> {
    const issued = upToCertificate(await verifyToken(token.trim()), connection.certificate)
    const { org, sub } = connection.principal
    if (issued.org !== org || issued.sub !== sub) {
      throw new TrackwireError('token_invalid', 'a renewed token has the same sub and org as the one of the connection')
    }
    if (!isSameShare(connection.principal.share, issued.share)) {
      throw new TrackwireError(
        'token_invalid',
        'a renewed token is of the same share link as the one of the connection',
      )
    }
    const { ownClientId, username } = connection
    const principal = currentPrincipal(rights, { issued, ownClientId, username })
    if (!connections.has(connection)) return
    connection.issued = issued
    expiry.watch(connection)
    live.apply(connection, principal)
  }

  return (connection, token) => {
    const renewal = (connection.renewing ?? Promise.resolve()).then(() => renew(connection, token))
    const settled = renewal
      .catch(() => {
        // Told to whoever waits for the renewal itself.
      })
      .then(() => {
        if (connection.renewing === settled) connection.renewing = undefined
      })
    connection.renewing = settled
    return renewal
  }
}
