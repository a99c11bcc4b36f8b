import type { Logger } from 'pino'
import { type Principal, TrackwireError } from '../../contract/index.ts'
import { startTicker } from '../ingest/ticker.ts'
import { sweepBans } from '../store/bans.ts'
import type { Database } from '../store/database.ts'
import { sweepRevocations } from '../store/revocations.ts'
import {
  deleteRightsChanges,
  lastRightsChange,
  listRightsChanges,
  type RightsChangeRow,
} from '../store/rights-changes.ts'
import { applyRightsChanges, loadRights, type RightsByOrganisation, rightsOf } from './load-rights.ts'
import { NumberedChanges } from './numbered-changes.ts'
import { sweepRefreshTokens } from './refresh-tokens.ts'
import type { SigningKeys } from './signing-keys.ts'

const LOOK_EVERY_MS = 250
/** Where nobody else writes: what is changed here is looked at when it is. */
const LOOK_ALONE_EVERY_MS = 2_000
/** Rows a query. */
const PAGE = 1_000
/** At the start so many numbers below the highest are looked at again: their transactions may have been open. */
const LOOK_BACK = 1_000
const HOUR_MS = 3_600_000
/** Changes are kept for so long; a node that could not look for a good part of it loads everything again. */
const CHANGES_KEPT_MS = 24 * HOUR_MS
const LOAD_AGAIN_AFTER_MS = 12 * HOUR_MS

export interface RightsOptions {
  readonly db: Database
  readonly logger: Logger
  /** Our own keys: what they signed ends with them. Left out where no connection stands, as in a command. */
  readonly keys?: Pick<SigningKeys, 'has' | 'onRetired'> | undefined
  /** Clock in milliseconds. */
  readonly now?: (() => number) | undefined
}

/** Whose rights are others now; `sub` null = anybody's of the organisation, `org` null = anybody's at all. */
export interface RightsChange {
  readonly org: string | null
  readonly sub: string | null
}

type Listener = (change: RightsChange) => void

/**
 * What the database says of every principal now, in memory: a token says what was true when it was issued. All nodes follow the
 * table `rights_changes`. While the database does not answer, what was known last stays in force.
 */
export class Rights {
  readonly #db: Database
  readonly #logger: Logger
  readonly #now: () => number
  readonly #listeners = new Set<Listener>()
  /** Of a principal as issued, what it came to. */
  readonly #judged = new WeakMap<Principal, { readonly version: number; readonly principal: Principal }>()
  #orgs: RightsByOrganisation = new Map()
  #changes = new NumberedChanges(0)
  #lookedAtMs: number
  #sweptAtMs: number
  #looking: Promise<void> | undefined
  #lookingNext: Promise<void> | undefined
  #isFailing = false
  readonly #keys: RightsOptions['keys']
  readonly #stopKeys: (() => void) | undefined
  #ticker: { close(): Promise<void> } | undefined

  private constructor({ db, logger, keys, now = Date.now }: RightsOptions) {
    this.#db = db
    this.#logger = logger
    this.#keys = keys
    this.#stopKeys = keys?.onRetired(() => this.#tell({ org: null, sub: null }))
    this.#now = now
    this.#lookedAtMs = now()
    this.#sweptAtMs = now()
  }

  /** Loads everything, then follows the changes. */
  static async open(options: RightsOptions): Promise<Rights> {
    const rights = new Rights(options)
    await rights.#load()
    await rights.refresh()
    rights.#ticker = startTicker(
      options.db.isShared ? LOOK_EVERY_MS : LOOK_ALONE_EVERY_MS,
      () => rights.refresh(),
      () => {},
    )
    return rights
  }

  /**
   * What a principal may do now, given what its token said when it was issued. While nothing has changed it costs a look-up.
   * @throws TrackwireError principal_banned, token_revoked
   */
  current(issued: Principal): Principal {
    if (issued.keyId !== undefined && this.#keys?.has(issued.keyId) === false) {
      throw new TrackwireError('token_revoked', 'the key that signed the token was retired; get a new one')
    }
    const org = this.#orgs.get(issued.org)
    if (org === undefined) return issued
    const known = this.#judged.get(issued)
    if (known?.version === org.version) return known.principal
    const principal = org.judge(issued, this.#now())
    this.#judged.set(issued, { version: org.version, principal })
    return principal
  }

  /** Calls the listener after each change, once it is in force here. @returns a function that stops it */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Resolves when all that was committed before is in force here. Never rejects: what cannot be read now is read by a later look. */
  refresh(): Promise<void> {
    if (this.#looking === undefined) {
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined
      })
      return this.#looking
    }
    // The look that runs may have read before the commit; the next one has not.
    this.#lookingNext ??= this.#looking.then(() => {
      this.#lookingNext = undefined
      return this.refresh()
    })
    return this.#lookingNext
  }

  /** Resolves when what runs has ended. Idempotent. */
  async close(): Promise<void> {
    this.#stopKeys?.()
    await this.#ticker?.close()
    await this.#lookingNext
    await this.#looking
    this.#listeners.clear()
  }

  async #look(): Promise<void> {
    try {
      if (this.#now() - this.#lookedAtMs > LOAD_AGAIN_AFTER_MS) await this.#load()
      await this.#applyNew()
      this.#lookedAtMs = this.#now()
      await this.#sweep()
      if (this.#isFailing) this.#logger.info('changes of rights can be read again')
      this.#isFailing = false
    } catch (error) {
      // Four times a second: said once.
      if (!this.#isFailing) this.#logger.warn({ err: error }, 'changes of rights cannot be read; trying again')
      this.#isFailing = true
    }
  }

  async #load(): Promise<void> {
    const changes = new NumberedChanges(Math.max(0, (await lastRightsChange(this.#db)) - LOOK_BACK))
    const loaded = await loadRights(this.#db, this.#now())
    const earlier = this.#orgs
    // What was judged before is out of date, also where nothing is left to say.
    for (const [org, { version }] of earlier) rightsOf(loaded, org).version = version + 1
    this.#orgs = loaded
    this.#changes = changes
    for (const org of earlier.keys()) this.#tell({ org, sub: null })
  }

  async #applyNew(): Promise<void> {
    const changes = this.#changes
    const fresh: (RightsChangeRow & { seq: number })[] = []
    for (let after = changes.settled, more = true; more; ) {
      const rows = await listRightsChanges(this.#db, { after, limit: PAGE })
      fresh.push(...rows.filter(({ seq }) => changes.isNew(seq)))
      after = rows.at(-1)?.seq ?? after
      more = rows.length === PAGE
    }
    await applyRightsChanges(this.#db, this.#orgs, fresh)
    changes.take(
      fresh.map(({ seq }) => seq),
      this.#now(),
    )
    for (const { org } of fresh) rightsOf(this.#orgs, org).version += 1
    for (const change of whoseOf(fresh)) this.#tell(change)
  }

  #tell(change: RightsChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change)
      } catch (error) {
        this.#logger.error({ err: error, org: change.org }, 'a change of rights was not taken everywhere')
      }
    }
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#now()
    if (nowMs - this.#sweptAtMs < HOUR_MS) return
    for (const org of this.#orgs.values()) org.sweep(nowMs)
    await deleteRightsChanges(this.#db, nowMs - CHANGES_KEPT_MS)
    await sweepRevocations(this.#db, nowMs)
    await sweepBans(this.#db, nowMs)
    await sweepRefreshTokens(this.#db, nowMs)
    this.#sweptAtMs = nowMs
  }
}

/** What others need of it. */
export type CurrentRights = Pick<Rights, 'current' | 'onChange' | 'refresh'>

/** Each principal once, and none whose whole organisation is told anyway. */
function whoseOf(changed: readonly RightsChangeRow[]): RightsChange[] {
  const whole = new Set(changed.filter(({ sub }) => sub === null).map(({ org }) => org))
  const single = new Map(changed.map(({ org, sub }) => [`${org}/${sub}`, { org, sub }]))
  return [...[...whole].map(org => ({ org, sub: null })), ...[...single.values()].filter(({ org }) => !whole.has(org))]
}
