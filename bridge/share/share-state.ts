import { type ShareScope, TrackwireError } from '../../contract/index.ts'
import type { ShareLinkRow } from '../store/share-links.ts'

/** `withdrawn`: its maker's account is gone, or may not see one of the devices any more. */
export const SHARE_STATES = ['upcoming', 'live', 'expired', 'revoked', 'withdrawn'] as const
export type ShareState = (typeof SHARE_STATES)[number]

export function shareStateOf(link: ShareLinkRow, nowMs: number): ShareState {
  if (link.revokedAt !== null) return 'revoked'
  if (!link.makerHolds) return 'withdrawn'
  if (nowMs >= link.until) return 'expired'
  return nowMs < link.from ? 'upcoming' : 'live'
}

const REASONS: Readonly<Record<Exclude<ShareState, 'upcoming' | 'live'>, string>> = {
  expired: 'the time of this share link is over',
  revoked: 'this share link was revoked',
  withdrawn: 'whoever made this share link may not see the device any more',
}

/** Why a link shows nothing any more, and never will unless it is changed; null while it lives or is still to begin. */
export function endOfShare(link: ShareLinkRow | undefined, nowMs: number): TrackwireError | null {
  if (link === undefined) return new TrackwireError('share_ended', 'this share link is gone')
  const state = shareStateOf(link, nowMs)
  if (state === 'upcoming' || state === 'live') return null
  return new TrackwireError('share_ended', REASONS[state], { details: { state } })
}

/** The `scope` claim for one opening of a link. */
export function scopeOf(link: ShareLinkRow, view: string): ShareScope {
  const { id, devices, from, until, history, area, precisionMeters } = link
  return {
    link: id,
    view,
    devices,
    from,
    until,
    ...(history && { history }),
    ...(area !== null && { area }),
    ...(precisionMeters !== null && { precisionMeters }),
  }
}
