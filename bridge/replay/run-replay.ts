import { type FenceFeature, type RuleSettings, TrackwireError } from '../../contract/index.ts'
import {
  type AskedUntil,
  type Decision,
  type Device,
  type EngineEvent,
  engineFix,
  FenceIndex,
  type Fix,
  inOrder,
  TrackRun,
  unchanging,
} from '../../geofence-engine/index.ts'
import { effectiveRules } from '../ingest/effective-rules.ts'
import { inSlices } from '../ingest/slices.ts'
import type { Database } from '../store/database.ts'
import { loadDeviceStates } from '../store/device-states.ts'
import { findDevice } from '../store/queries/devices.ts'
import { listFenceTexts } from '../store/queries/fences.ts'
import { fixOf, listFixes, timeOfFixBefore } from '../store/queries/history.ts'
import { listStandingEvents } from '../store/queries/standing-events.ts'
import { findRulesOfDevice } from '../store/rule-settings.ts'
import { type Comparison, compareEvents } from './compare-events.ts'
import { MAX_REPLAY_FIXES, type ReplayRequest } from './replay-request.ts'

/** Events (and decisions) a call gives; it stops after the fix that reaches it. */
export const MAX_REPLAY_EVENTS = 50_000

export interface ReplayLimits {
  readonly fixes: number
  readonly events: number
}
const LIMITS: ReplayLimits = { fixes: MAX_REPLAY_FIXES, events: MAX_REPLAY_EVENTS }

/**
 * Fixes before `from` that are run without being reported, so that the device is known to be where it was; as many after
 * `to` may confirm what happened before.
 */
const LEAD_IN_FIXES = 5_000
const LEAD_OUT_FIXES = 200
/** Rows of a page come from the database at once, on this thread. */
const PAGE = 500

export interface ReplayedDevice {
  readonly deviceId: string
  /** Fixes of the stretch that were run. */
  readonly fixes: number
  /** Fixes before it that were run so that it is known where the device was. */
  readonly leadIn: number
  /** Fixes of a given track that repeat an earlier one's time: they change nothing. */
  readonly repeated: number
  readonly events: number
  /** Of the stretch, milliseconds; null when there is no fix in it. */
  readonly firstFix: number | null
  readonly lastFix: number | null
}

export interface ReplayAnswer {
  readonly events: EngineEvent[]
  readonly decisions: Decision[]
  readonly devices: ReplayedDevice[]
  /** Null when not asked for. */
  readonly comparison: Comparison | null
  /** What was not run because the call would have become too large; null: everything was. */
  readonly truncated: Truncation | null
}

export interface Truncation {
  readonly message: string
  /** What remains: ask for each device again, with this as `from`. */
  readonly rest: { readonly deviceId: string; readonly from: number | null }[]
}

export interface ReplayContext {
  readonly db: Database
  readonly org: string
  readonly signal: AbortSignal
  /** Milliseconds since the Unix epoch. */
  readonly now: number
  /** Those of one call of the API when left out. */
  readonly limits?: ReplayLimits
}

/** What a call may still do. */
interface Budget {
  readonly limits: ReplayLimits
  fixesLeft: number
}

/**
 * Runs stored or given tracks through stored or given fences and rules, all as if they had always been there. Reads only.
 * @throws TrackwireError device_unknown, not_found (a fence); the signal's reason once it is aborted
 */
export async function runReplay(context: ReplayContext, request: ReplayRequest): Promise<ReplayAnswer> {
  const fences = await indexFences(context, request)
  const answer: ReplayAnswer = {
    events: [],
    decisions: [],
    devices: [],
    comparison: request.compare ? { gone: [], added: [], same: 0 } : null,
    truncated: null,
  }
  const { limits = LIMITS } = context
  const budget = { limits, fixesLeft: limits.fixes }
  for (const [position, deviceId] of request.deviceIds.entries()) {
    const run = new DeviceReplay(context, request, fences, deviceId)
    const { cutAt } = await run.run(answer, budget)
    const others = request.deviceIds.slice(position + 1)
    if (cutAt === null && (others.length === 0 || !isSpent(answer, 0, budget))) continue
    const rest = others.map(deviceId => ({ deviceId, from: request.from ?? null }))
    if (cutAt !== null) rest.unshift({ deviceId, from: cutAt })
    return { ...answer, truncated: { message: truncationMessage(rest, limits), rest } }
  }
  return answer
}

class DeviceReplay {
  readonly #context: ReplayContext
  readonly #request: ReplayRequest
  readonly #fences: FenceIndex
  readonly #deviceId: string
  #repeated = 0
  #leadIn = 0
  #fixes = 0
  #firstFix: number | null = null
  #lastFix: number | null = null

  constructor(context: ReplayContext, request: ReplayRequest, fences: FenceIndex, deviceId: string) {
    this.#context = context
    this.#request = request
    this.#fences = fences
    this.#deviceId = deviceId
  }

  /** @returns `cutAt`: the time from which on nothing was run, null when all was */
  async run(answer: ReplayAnswer, budget: Budget): Promise<{ cutAt: number | null }> {
    const { org, signal, now } = this.#context
    const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, clock, decisions } = this.#request
    const device = { org, deviceId: this.#deviceId, groups: await this.#groups() }
    const rules = await this.#rules(device)
    const events: EngineEvent[] = []
    let end = to
    const isWanted = ({ timestamp }: { timestamp: number }) => timestamp >= from && timestamp < end
    const run = new TrackRun(unchanging(device, this.#fences, rules), {
      onEvent: event => void (isWanted(event) && events.push(event)),
      ...(decisions && {
        onDecision: (decision: Decision) => void (isWanted(decision) && answer.decisions.push(decision)),
      }),
    })

    let cutAt: number | null = null
    let confirming = 0
    for await (const page of this.#pages()) {
      await inSlices(page, fix => {
        if (confirming >= LEAD_OUT_FIXES) return
        signal.throwIfAborted()
        const { timestamp } = fix
        // At least one fix of the stretch is run, so that whoever goes on from there gets further.
        if (timestamp < end && this.#fixes > 0 && isSpent(answer, events.length, budget)) {
          cutAt = timestamp
          end = timestamp
        }
        run.take(fix)
        if (timestamp >= end) {
          confirming += 1
          return
        }
        budget.fixesLeft -= 1
        this.#count(timestamp, from)
      })
      if (confirming >= LEAD_OUT_FIXES) break
    }
    // What comes after the last fix is of this stretch only when no fix of a later one speaks of it.
    if (clock && confirming === 0) run.rest(await this.#silence(Math.min(to, now)))
    answer.events.push(...events)
    if (answer.comparison !== null) await this.#compare(answer.comparison, events, end)
    answer.devices.push({
      deviceId: this.#deviceId,
      fixes: this.#fixes,
      leadIn: this.#leadIn,
      repeated: this.#repeated,
      events: events.length,
      firstFix: this.#firstFix,
      lastFix: this.#lastFix,
    })
    return { cutAt }
  }

  /** Live, a device's own time goes on from its newest fix when that is received: what was uploaded late is not silent since then. */
  async #silence(until: number): Promise<AskedUntil> {
    const { db, org, now } = this.#context
    if (!this.#request.compare) return { eventNow: until, clock: until }
    const [state] = await loadDeviceStates(db, [{ org, deviceId: this.#deviceId }])
    const { newest = null, heardAt = null } = state ?? {}
    if (newest === null || heardAt === null) return { eventNow: until, clock: until }
    const eventNow = newest.timestamp + Math.max(0, now - heardAt)
    return { eventNow: Math.min(until, eventNow), clock: until, heardAt }
  }

  #count(timestamp: number, from: number): void {
    if (timestamp < from) {
      this.#leadIn += 1
      return
    }
    this.#fixes += 1
    this.#firstFix ??= timestamp
    this.#lastFix = timestamp
  }

  async #groups(): Promise<readonly string[]> {
    const { db, org } = this.#context
    const row = await findDevice(db, org, this.#deviceId)
    if (row !== undefined) return row.groups
    // A given track needs no device.
    if (this.#request.track !== null) return []
    throw new TrackwireError(
      'device_unknown',
      `no device ${this.#deviceId} is registered, or this token may not see it`,
    )
  }

  async #rules(device: Device): Promise<RuleSettings> {
    const { rules } = this.#request
    return rules === 'stored' ? effectiveRules(await findRulesOfDevice(this.#context.db, device)).rules : rules
  }

  /** The fixes in the order of their time, from the lead-in on, a page at a time. */
  async *#pages(): AsyncGenerator<readonly Fix[]> {
    const { db, org, signal } = this.#context
    const { track, from, to } = this.#request
    if (track !== null) {
      const ordered = inOrder(track)
      this.#repeated = track.length - ordered.length
      yield ordered
      return
    }
    const start = from === undefined ? undefined : await timeOfFixBefore(db, org, this.#deviceId, from, LEAD_IN_FIXES)
    for (let afterTime: number | undefined; ; ) {
      signal.throwIfAborted()
      const rows = await listFixes(db, org, this.#deviceId, { from: start ?? from, afterTime, limit: PAGE })
      yield rows.map(row => engineFix(fixOf(this.#deviceId, row)))
      afterTime = rows.at(-1)?.fix_time
      if (rows.length < PAGE || (to !== undefined && rows.length === 0)) return
    }
  }

  async #compare(comparison: Comparison, replayed: readonly EngineEvent[], to: number): Promise<void> {
    // Events older than the oldest fix that is still stored cannot be replayed: they are not gone.
    if (this.#firstFix === null) return
    const { db, org, signal } = this.#context
    const range = {
      from: this.#leadIn > 0 ? this.#request.from! : this.#firstFix,
      to: Math.min(to, Number.MAX_SAFE_INTEGER),
      limit: PAGE,
    }
    const standing: EngineEvent[] = []
    for (let after: readonly [number, number] | undefined; ; ) {
      signal.throwIfAborted()
      const rows = await listStandingEvents(db, org, this.#deviceId, { ...range, after })
      for (const { body } of rows) standing.push(body)
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) break
      after = [last.event_time, last.seq]
    }
    const ids = new Set([...this.#fences.all()].map(({ feature }) => feature.id))
    const { gone, added, same } = compareEvents(standing, replayed, ids)
    comparison.gone.push(...gone)
    comparison.added.push(...added)
    comparison.same += same
  }
}

async function indexFences({ db, org, signal }: ReplayContext, request: ReplayRequest): Promise<FenceIndex> {
  const index = new FenceIndex()
  if (request.fences !== 'stored') {
    await inSlices(request.fences, feature => void index.put(feature))
    return index
  }
  const wanted = request.fenceIds === null ? null : new Set(request.fenceIds)
  for (let after: string | undefined; ; ) {
    signal.throwIfAborted()
    const page = await listFenceTexts(db, org, { after, limit: FENCES_A_PAGE })
    const chosen = wanted === null ? page : page.filter(({ fence_id }) => wanted.has(fence_id))
    await inSlices(chosen, ({ feature }) => void index.put(JSON.parse(feature) as FenceFeature))
    after = page.at(-1)?.fence_id
    if (page.length < FENCES_A_PAGE) break
  }
  for (const fenceId of wanted ?? []) {
    if (index.get(fenceId) === undefined) throw new TrackwireError('not_found', `there is no fence ${fenceId}`)
  }
  return index
}

const FENCES_A_PAGE = 100

function isSpent({ events, decisions }: ReplayAnswer, more: number, { limits, fixesLeft }: Budget): boolean {
  return fixesLeft <= 0 || events.length + more >= limits.events || decisions.length >= limits.events
}

function truncationMessage(rest: Truncation['rest'], { fixes, events }: ReplayLimits): string {
  const [first] = rest
  const more = rest.length > 1 ? ` and ${rest.length - 1} more` : ''
  return `one call runs at most ${fixes} fixes and gives at most ${events} events; what is listed in rest was not run (${first!.deviceId}${more}): ask for it again, with its from`
}
