import { randomUUID } from 'node:crypto'
import type { Principal } from '../contract/index.ts'

/**
 * Client ids live in a namespace per principal, so that nobody can take over or kick another principal's session by using
 * its client id. Neither an org nor a sub can hold a slash, so the first two are the separators.
 */
export function namespacedClientId(principal: Principal, ownClientId: string): string {
  return `${principal.org}/${principal.sub}/${ownClientId || `auto-${randomUUID()}`}`
}

/** Whose session a namespaced client id belongs to; null for what is no client of ours. */
export function ownerOf(clientId: string): { org: string; sub: string } | null {
  const [org, sub, ...rest] = clientId.split('/')
  return org && sub && rest.length > 0 ? { org, sub } : null
}
