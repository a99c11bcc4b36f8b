import type { Logger } from 'pino'
import type { Principal, ShareScope, TrackwireError } from '../../contract/index.ts'
import { startTicker } from '../ingest/ticker.ts'
import type { Database } from '../store/database.ts'
import { findShareLink, findShareLinks, type ShareLinkRow } from '../store/share-links.ts'
import { endOfShare } from './share-state.ts'

/** Revoking counts within a second on every node; on the one that revoked it, at once. */
const LOOK_MS = 500

/** Calls back once: the link has ended, this is why. */
export type ShareEnded = (refusal: TrackwireError) => void

/** Links that are looked at, and whether they still may be. */
export interface ShareLinks {
  /**
   * Lets a principal pass that has no scope, or one whose link lives; of a scope that no link stands behind the token alone speaks.
   * Errors: `share_ended`
   */
  admit(principal: Principal): Promise<Principal>
  /** The link behind a scope, undefined when there is none. Errors: `share_ended` */
  linkOf(principal: Principal): Promise<ShareLinkRow | undefined>
  /** @returns ends the watching */
  watch(org: string, share: ShareScope, ended: ShareEnded): () => void
  /** Something was changed: looks now, not in half a second. */
  look(): Promise<void>
  close(): Promise<void>
}

interface Watched {
  readonly org: string
  readonly id: string
  readonly listeners: Set<ShareEnded>
}

export function createShareLinks(
  db: Database,
  { logger, now = Date.now }: { logger: Logger; now?: () => number },
): ShareLinks {
  const watched = new Map<string, Watched>()

  async function linkOf({ org, share }: Principal): Promise<ShareLinkRow | undefined> {
    if (share?.link === undefined) return undefined
    const link = await findShareLink(db, org, share.link)
    const end = endOfShare(link, now())
    if (end !== null) throw end
    return link
  }

  /** One query, however many look on; none while nobody does. */
  async function look(): Promise<void> {
    if (watched.size === 0) return
    const asked = [...watched]
    const links = new Map(
      (
        await findShareLinks(
          db,
          asked.map(([, link]) => link),
        )
      ).map(link => [`${link.org}/${link.id}`, link]),
    )
    for (const [key, { listeners }] of asked) {
      const end = endOfShare(links.get(key), now())
      if (end === null) continue
      watched.delete(key)
      for (const ended of listeners) ended(end)
    }
  }

  const ticker = startTicker(LOOK_MS, look, error =>
    logger.warn({ err: error }, 'share links could not be looked after'),
  )

  return {
    linkOf,
    look,
    async admit(principal) {
      await linkOf(principal)
      return principal
    },
    watch(org, { link: id }, ended) {
      if (id === undefined) return () => {}
      const key = `${org}/${id}`
      const entry = watched.get(key) ?? { org, id, listeners: new Set() }
      entry.listeners.add(ended)
      watched.set(key, entry)
      return () => {
        entry.listeners.delete(ended)
        if (entry.listeners.size === 0 && watched.get(key) === entry) watched.delete(key)
      }
    },
    close: () => ticker.close(),
  }
}
