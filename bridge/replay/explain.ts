import type { Decision } from '../../geofence-engine/index.ts'
import type { Database } from '../store/database.ts'
import { type DecidedEventRow, findDecidedEvents, listDecidedEvents } from '../store/queries/decided-events.ts'
import { listDecisions } from '../store/queries/decisions.ts'
import { findFence } from '../store/queries/fences.ts'
import {
  type Explanation,
  type ExplanationSource,
  explainDecision,
  explainEvent,
  foldDecisions,
  type Names,
  withoutConfirmed,
} from './explanation.ts'
import type { ReplayRequest } from './replay-request.ts'
import { type ReplayAnswer, runReplay } from './run-replay.ts'

export interface ExplainRequest {
  readonly deviceId: string
  /** Milliseconds, `from` inclusive, `to` exclusive. */
  readonly from: number
  readonly to: number
  /** A fence's id or a rule's name; undefined: all. */
  readonly subject: string | undefined
  /** `[time, order]` of the last decision of the page before; see {@link REPLAYED}. */
  readonly after: readonly [number, number] | undefined
  readonly limit: number
  readonly writeTime: (ms: number) => string
}

export interface ExplainAnswer {
  readonly items: Explanation[]
  /** `after` of the next page. */
  readonly next: readonly [number, number] | null
  /** What the reader has to know of how this is known; null: it was all recorded at the time. */
  readonly note: string | null
}

export interface ExplainContext {
  readonly db: Database
  readonly org: string
  readonly signal: AbortSignal
  readonly now: number
}

/** The order in a cursor of a page that was replayed: no record has it. */
const REPLAYED = Number.MAX_SAFE_INTEGER
const REPLAY_LIMITS = { fixes: 20_000, events: 5_000 }

/** Why there were events, or none: from what was recorded at the time; where nothing was, from running the stretch again. */
export async function explain(context: ExplainContext, request: ExplainRequest): Promise<ExplainAnswer> {
  const { db, org } = context
  const { deviceId, from, to, subject, after, limit } = request
  if (after?.[1] === REPLAYED) return explainByReplay(context, { ...request, from: after[0] + 1 })
  const rows = await listDecisions(db, org, deviceId, { from, to, subject, after, limit: limit + 1 })
  if (rows.length === 0 && after === undefined && !(await hasRecords(context, request))) {
    return explainByReplay(context, request)
  }
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const isLast = rows.length <= limit
  const names = await namesFor(context, request, page)
  const items = await explainAll(
    context,
    request,
    page.map(({ body }) => body),
    'record',
    names,
  )
  // Events nobody noted the reason of: of a version before the records, or of a changed fence.
  const told = new Set(items.map(({ eventId }) => eventId))
  const stretch = {
    from: after === undefined ? from : after[0] + 1,
    to: isLast ? to - 1 : last!.fix_time,
    fenceId: subject,
    limit: 1_000,
  }
  const events = await listDecidedEvents(db, org, deviceId, stretch)
  for (const row of events) if (!told.has(row.base_id)) items.push(explainEvent(row, names))
  items.sort((a, b) => a.timestamp - b.timestamp)
  return { items, next: isLast ? null : [last!.fix_time, last!.seq], note: null }
}

async function hasRecords({ db, org }: ExplainContext, { deviceId, from, to }: ExplainRequest): Promise<boolean> {
  return (await listDecisions(db, org, deviceId, { from, to, limit: 1 })).length > 0
}

async function explainByReplay(context: ExplainContext, request: ExplainRequest): Promise<ExplainAnswer> {
  const { deviceId, from, to, subject, limit } = request
  const question: ReplayRequest = {
    deviceIds: [deviceId],
    from,
    to,
    fences: 'stored',
    fenceIds: null,
    rules: 'stored',
    track: null,
    decisions: true,
    clock: false,
    compare: false,
  }
  const answer: ReplayAnswer = await runReplay({ ...context, limits: REPLAY_LIMITS }, question)
  const decisions = answer.decisions.filter(decision => subject === undefined || decision.subject === subject)
  // A page ends with all that was decided at one time.
  const endsAt = decisions[limit - 1]?.timestamp ?? Number.POSITIVE_INFINITY
  const page = decisions.filter(({ timestamp }) => timestamp <= endsAt)
  const names = await namesFor(
    context,
    request,
    page.map(body => ({ body })),
  )
  const items = await explainAll(context, request, page, 'replay', names)
  const cutAt = answer.truncated?.rest[0]?.from ?? null
  const nextFrom = page.length < decisions.length ? endsAt + 1 : cutAt
  return {
    items,
    next: nextFrom === null ? null : [nextFrom - 1, REPLAYED],
    note:
      items.length === 0
        ? null
        : 'nothing was recorded of this stretch at the time: it was run again with the fences and rules of now',
  }
}

async function explainAll(
  { db, org }: ExplainContext,
  { deviceId }: ExplainRequest,
  decisions: readonly Decision[],
  source: ExplanationSource,
  names: Names,
): Promise<Explanation[]> {
  const ids = decisions.flatMap(({ eventId }) => (eventId === undefined ? [] : [eventId]))
  const rows = new Map<string, DecidedEventRow[]>()
  for (const row of ids.length === 0 ? [] : await findDecidedEvents(db, org, deviceId, ids)) {
    rows.set(row.base_id, [...(rows.get(row.base_id) ?? []), row])
  }
  return foldDecisions(withoutConfirmed(decisions)).map(folded =>
    explainDecision(folded, rows.get(folded.decision.eventId ?? '') ?? [], source, names),
  )
}

async function namesFor(
  { db, org }: ExplainContext,
  { writeTime }: ExplainRequest,
  page: readonly { readonly body: Decision }[],
): Promise<Names> {
  const names = new Map<string, string>()
  for (const { body } of page) {
    if (body.kind !== 'fence' || names.has(body.subject)) continue
    const fence = await findFence(db, org, body.subject)
    if (fence !== undefined) names.set(body.subject, fence.properties.name ?? fence.id)
  }
  return { fenceName: fenceId => names.get(fenceId), writeTime }
}
