import type { Principal } from './claims.ts'

/** Whose token bucket a message draws from. */
export interface BucketOwner {
  readonly org: string
  readonly sub: string
}

/**
 * A message counts for the principal that sent it. A gateway (role `service`) speaks for many devices: there each device counts
 * by itself, or a thousand trackers would share what one may send. No sub holds a slash, so the two are never mistaken.
 */
export function bucketOwner(
  principal: Pick<Principal, 'org' | 'sub' | 'role'>,
  deviceId: string | undefined,
): BucketOwner {
  if (principal.role !== 'service' || deviceId === undefined) return principal
  return { org: principal.org, sub: `${principal.sub}/${deviceId}` }
}
