import type { DeviceEvent, GeofenceEvent } from '../../contract/index.ts'
import type { Decision } from '../../geofence-engine/index.ts'
import type { DecidedEventRow } from '../store/queries/decided-events.ts'

/** How it is known: from what was recorded then, or from running the stretch again now. */
export type ExplanationSource = 'record' | 'replay'

/** One transition that was announced or was not, and why. Times in milliseconds since the Unix epoch. */
export interface Explanation extends Omit<Decision, 'outcome' | 'kind' | 'reason' | 'before' | 'after'> {
  /** For people: when, what, whether it was announced, why, with the numbers. */
  readonly text: string
  readonly kind: 'fence' | 'rule'
  /** `corrected`: announced, and taken back later. `missed`: a replay with the fences and rules of now gives it, it was not announced. */
  readonly outcome: 'announced' | 'suppressed' | 'corrected' | 'missed'
  /** Stable code; null where an event is older than the records. */
  readonly reason: string | null
  readonly before: string | null
  readonly after: string | null
  readonly source: ExplanationSource
  /** How often the same was decided in a row, and when last; once when left out. */
  readonly count?: number
  readonly until?: number
  /** The event as announced, in its last revision. */
  readonly announced?: GeofenceEvent | DeviceEvent
  readonly announcedAt?: number
  readonly correctedAt?: number
}

export interface Names {
  /** What people call a fence; undefined: it is gone. */
  readonly fenceName: (fenceId: string) => string | undefined
  readonly writeTime: (ms: number) => string
}

/** The same decided again and again. */
export interface FoldedDecision {
  /** The first time. */
  readonly decision: Decision
  count: number
  /** The last time. */
  until: number
}

/**
 * Folds what was not announced for the same reason again and again, until something was: a parked device near a border swings
 * across it all night. Inputs and outputs in order of time.
 */
export function foldDecisions(decisions: readonly Decision[]): FoldedDecision[] {
  const folded: FoldedDecision[] = []
  const open = new Map<string, Map<string, FoldedDecision>>()
  for (const decision of decisions) {
    const { kind, subject, event, outcome, reason, timestamp } = decision
    const about = `${kind} ${subject}`
    const same = `${event} ${reason}`
    const known = open.get(about)?.get(same)
    if (outcome === 'suppressed' && known !== undefined) {
      known.count += 1
      known.until = timestamp
      continue
    }
    const begun = { decision, count: 1, until: timestamp }
    folded.push(begun)
    if (outcome === 'announced') open.delete(about)
    else open.set(about, (open.get(about) ?? new Map()).set(same, begun))
  }
  return folded
}

/** What was announced by the clock and confirmed by a fix was decided twice: the fix has the last word. Input in order of storing or of time. */
export function withoutConfirmed(decisions: readonly Decision[]): Decision[] {
  const lastOf = new Map(decisions.map(decision => [decision.eventId, decision]))
  return decisions.filter(decision => decision.eventId === undefined || lastOf.get(decision.eventId) === decision)
}

/** @param rows the revisions of the event that was announced, oldest first */
export function explainDecision(
  { decision, count, until }: FoldedDecision,
  rows: readonly DecidedEventRow[],
  source: ExplanationSource,
  names: Names,
): Explanation {
  const { text: why, ...facts } = decision
  const row = rows.at(-1)
  const outcome =
    decision.outcome === 'suppressed' || (row === undefined && source === 'record')
      ? decision.outcome
      : row === undefined
        ? 'missed'
        : row.retracted_at === null
          ? 'announced'
          : 'corrected'
  const what = whatOf(decision, row?.body, names)
  const times = count > 1 ? `, ${count} times until ${names.writeTime(until)}` : ''
  const decidedAt = names.writeTime(decision.timestamp)
  // An event bears the first of the fixes that confirm it, a moment between two, the time at which it was due.
  const happenedAt = row === undefined ? decidedAt : names.writeTime(row.body.timestamp)
  const when = happenedAt === decidedAt ? '' : ` at ${happenedAt}`
  const text = `${decidedAt} ${what}${when} ${fateOf(outcome, row, names)}${times}: ${why}`
  return {
    ...facts,
    text,
    outcome,
    source,
    ...(count > 1 && { count, until }),
    ...fateFields(row),
  }
}

/** An event of which nobody noted why. */
export function explainEvent(row: DecidedEventRow, names: Names): Explanation {
  const { body } = row
  const outcome = row.retracted_at === null ? 'announced' : 'corrected'
  const [kind, subject] = 'fenceName' in body ? (['fence', body.fenceId] as const) : (['rule', body.event] as const)
  const what = whatOf({ kind, subject, event: body.event }, body, names)
  return {
    timestamp: row.cause_time,
    subject,
    kind,
    outcome,
    event: body.event,
    eventId: row.base_id,
    reason: null,
    before: null,
    after: null,
    ...(body.location !== undefined && { location: body.location }),
    text: `${names.writeTime(body.timestamp)} ${what} ${fateOf(outcome, row, names)}: ${outcome === 'corrected' ? 'fixes that arrived later contradict it' : 'why was not recorded'}`,
    source: 'record',
    ...fateFields(row),
  }
}

function whatOf(
  { kind, event, subject, before }: Pick<Decision, 'kind' | 'event' | 'subject'> & { readonly before?: string },
  announced: GeofenceEvent | DeviceEvent | undefined,
  { fenceName }: Names,
): string {
  if (kind === 'fence') {
    const known = announced !== undefined && 'fenceName' in announced ? announced.fenceName : undefined
    return `${event} of ${fenceName(subject) ?? known ?? subject}`
  }
  const isEnd = announced !== undefined && 'phase' in announced ? announced.phase === 'end' : before === 'begun'
  return isEnd ? `end of ${event}` : event
}

function fateOf(outcome: Explanation['outcome'], row: DecidedEventRow | undefined, { writeTime }: Names): string {
  switch (outcome) {
    case 'suppressed':
      return 'was not announced'
    case 'missed':
      return 'would be announced with the fences and rules of now, but was not'
    case 'corrected':
      return `was announced, and taken back at ${writeTime(row!.retracted_at!)}`
    case 'announced':
      return row?.body.late === true
        ? `was announced late, at ${writeTime(row.stored_at)}, when its fixes had arrived`
        : row?.body.inferred === true
          ? 'was announced by the clock'
          : 'was announced'
  }
}

function fateFields(row: DecidedEventRow | undefined): Partial<Explanation> {
  if (row === undefined) return {}
  return {
    announced: row.body,
    announcedAt: row.stored_at,
    ...(row.retracted_at !== null && { correctedAt: row.retracted_at }),
  }
}
