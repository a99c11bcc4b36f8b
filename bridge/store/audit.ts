import type { Queryable } from './database.ts'

/** Something that a person, or a command, did to an organisation. */
export interface Act {
  readonly org: string
  /** The `sub` of whoever did it. */
  readonly actor: string
  /** A dotted name: what kind of thing, what was done to it. `device.register`, `key.rotate`. */
  readonly action: string
  /** Id of what it was done to. */
  readonly target: string
  /** What was asked for, as far as it is worth reading later. Never a password, token or key: such members are struck out. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
  /** IP address the request came from. */
  readonly address?: string | undefined
}

export interface AuditRow {
  readonly seq: number
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly detail: Record<string, unknown> | null
  readonly address: string | null
}

/** The sort key of a row: at, seq. */
export type AuditKey = readonly [number, number]

/** A larger detail is told by its size alone: the log is for reading. */
const MAX_DETAIL_CHARACTERS = 8_192

/** Writes down an act, within the transaction that does it: neither is without the other. */
export async function recordAudit(tx: Queryable, act: Act, nowMs: number): Promise<void> {
  const { org, actor, action, target, detail, address } = act
  await tx.query(
    `insert into audit_log (org, at, actor, action, target, detail, address)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7)`,
    [org, nowMs, actor, action, target, detail === undefined ? null : writeDetail(detail), address ?? null],
  )
}

/** What was done, the newest first. */
export function listAudit(
  db: Queryable,
  org: string,
  filter: {
    actor?: string | undefined
    /** A whole name, or its beginning up to a dot: `device` is all that was done to devices. */
    action?: string | undefined
    target?: string | undefined
    /** Milliseconds; `from` inclusive, `to` exclusive. */
    from?: number | undefined
    to?: number | undefined
    before?: AuditKey | undefined
    limit: number
  },
): Promise<AuditRow[]> {
  const [at, seq] = filter.before ?? [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
  return db.query<AuditRow>(
    `select seq, at, actor, action, target, detail, address from audit_log
     where org = $1 and ($2::text is null or actor = $2)
       and ($3::text is null or action = $3 or starts_with(action, $3 || '.')) and ($4::text is null or target = $4)
       and at >= $5 and at < $6 and (at, seq) < ($7::bigint, $8::bigint)
     order by at desc, seq desc limit $9`,
    [
      org,
      filter.actor ?? null,
      filter.action ?? null,
      filter.target ?? null,
      filter.from ?? Number.MIN_SAFE_INTEGER,
      filter.to ?? Number.MAX_SAFE_INTEGER,
      at,
      seq,
      filter.limit,
    ],
  )
}

const SECRET_MEMBER = /password|secret|token|credential|private/i
const JWT = /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g
const STRUCK_OUT = '[struck out]'

/** Whoever calls is careful; whoever reads the log must be able to rely on it. */
function writeDetail(detail: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(detail, (key, value) => {
    if (SECRET_MEMBER.test(key)) return STRUCK_OUT
    // PostgreSQL's jsonb cannot hold U+0000.
    return typeof value === 'string' ? value.replaceAll(JWT, STRUCK_OUT).replaceAll('\0', '\ufffd') : value
  })
  return text.length <= MAX_DETAIL_CHARACTERS ? text : JSON.stringify({ omitted: `${text.length} characters` })
}
