import { type AlarmEventKind, type AlarmSettings, defaultQuietSeconds } from '../../contract/index.ts'

/** How long an alarm was raised, in event time: first and last time that the device said so. */
export interface AlarmEpisode {
  readonly since: number
  readonly last: number
}

/** One kind of alarm of one device. Plain JSON. */
export interface AlarmMemory {
  readonly open: AlarmEpisode | null
  /** Those that are over, newest first, with when: what is sent again belongs to one of them. */
  readonly past: readonly (AlarmEpisode & { readonly until: number })[]
}

/** What is announced. */
export interface AlarmNotice {
  readonly phase: 'begin' | 'end'
  /** Begin of the episode. */
  readonly since: number
  readonly at: number
  /** It is older than what is known already. */
  readonly late?: true
  /** Nothing said that it is over; it was not raised again. */
  readonly inferred?: true
}

export interface AlarmStep {
  readonly memory: AlarmMemory
  readonly notices: readonly AlarmNotice[]
}

const NOTHING: AlarmMemory = { open: null, past: [] }
const REMEMBERED = 16

export function heedsAlarm(settings: AlarmSettings | null | undefined, kind: AlarmEventKind): boolean {
  return settings !== null && settings?.kinds?.includes(kind) !== false
}

export function quietMsOf(settings: AlarmSettings | null | undefined, kind: AlarmEventKind): number {
  return (settings?.quietSeconds ?? defaultQuietSeconds(kind)) * 1_000
}

/**
 * The device raises an alarm. It begins once, however often it is raised within the quiet time; one that is older than what is
 * known, and belongs to nothing of it, began and ended then.
 */
export function raiseAlarm(memory: AlarmMemory = NOTHING, at: number, quietMs: number): AlarmStep {
  const { open, past } = memory
  if (open !== null && at > open.last + quietMs) {
    const ended = expireAlarm(memory, quietMs)
    const begun = raiseAlarm(ended.memory, at, quietMs)
    return { memory: begun.memory, notices: [...ended.notices, ...begun.notices] }
  }
  if (open !== null && at >= open.since - quietMs) {
    return { memory: { ...memory, open: { ...open, last: Math.max(open.last, at) } }, notices: [] }
  }
  if (past.some(({ since, until }) => at >= since - quietMs && at <= until)) return { memory, notices: [] }
  if (open !== null || past.some(({ since }) => at < since)) {
    const notices = (['begin', 'end'] as const).map(phase => ({ phase, since: at, at, late: true as const }))
    return { memory: { open, past: remember(past, { since: at, last: at, until: at + quietMs }) }, notices }
  }
  return { memory: { open: { since: at, last: at }, past }, notices: [{ phase: 'begin', since: at, at }] }
}

/** The device says that it is over. */
export function settleAlarm(memory: AlarmMemory, at: number): AlarmStep {
  const { open, past } = memory
  if (open === null || at <= open.last) return { memory, notices: [] }
  return {
    memory: { open: null, past: remember(past, { ...open, until: at }) },
    notices: [{ phase: 'end', since: open.since, at }],
  }
}

/** The device did not raise it again for the quiet time. */
export function expireAlarm(memory: AlarmMemory, quietMs: number): AlarmStep {
  const { open, past } = memory
  if (open === null) return { memory, notices: [] }
  const until = open.last + quietMs
  return {
    memory: { open: null, past: remember(past, { ...open, until }) },
    notices: [{ phase: 'end', since: open.since, at: until, inferred: true }],
  }
}

/** Whether what a device says of itself, beside its alarms, means that this one is over. */
export function disproves(
  kind: AlarmEventKind,
  alarms: readonly string[],
  { externalPower, charging }: Readonly<Record<string, unknown>>,
): boolean {
  if (alarms.includes(kind)) return false
  if (kind === 'power-cut') return alarms.includes('power-restored') || externalPower === true || charging === true
  return kind === 'low-battery' && charging === true
}

function remember(past: AlarmMemory['past'], episode: AlarmMemory['past'][number]): AlarmMemory['past'] {
  return [episode, ...past].sort((a, b) => b.since - a.since).slice(0, REMEMBERED)
}
