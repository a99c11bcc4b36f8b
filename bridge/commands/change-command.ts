import type { CommandState } from '../../contract/index.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import {
  type CommandKey,
  type CommandRow,
  insertCommandEvent,
  insertLateEvent,
  lockCommand,
  saveCommand,
} from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import type { CommandMetrics } from './command-metrics.ts'
import { type Happening, nextState } from './command-state.ts'

export interface CommandChange {
  readonly happening: Happening
  /** A person; left out: the device or the platform. */
  readonly by?: string | undefined
  readonly note?: string | undefined
  readonly transport?: string | undefined
  readonly result?: unknown
  readonly error?: string | undefined
  /** Throws when it may not be, with the row as it is. */
  readonly mayBe?: ((row: CommandRow) => void) | undefined
  readonly act?: Act | undefined
}

export interface ChangeContext {
  readonly db: Database
  readonly now: () => number
  readonly metrics: CommandMetrics
}

/**
 * Brings a command into its next state, with its history and the audit entry, in one transaction. What changes nothing (late, repeated)
 * leaves the command as it is; what a device says too late is noted.
 * @returns undefined when there is no such command
 */
export async function changeCommand(
  { db, now, metrics }: ChangeContext,
  key: CommandKey,
  change: CommandChange,
): Promise<{ row: CommandRow; changed: boolean } | undefined> {
  const outcome = await db.transaction(async tx => {
    const row = await lockCommand(tx, key)
    if (row === undefined) return undefined
    change.mayBe?.(row)
    const at = now()
    const { happening, by = null, note = change.error ?? null } = change
    const isTooLate = happening === 'sent' && row.expiresAt <= at
    const state = isTooLate ? null : nextState(row, happening)
    if (state === null) {
      if (isLateWord(row, happening)) await insertLateEvent(tx, key, { at, happening, state: row.state, by, note })
      return { row, changed: false }
    }
    const next = { ...row, ...fieldsOf(row, change, state, at), state }
    await saveCommand(tx, next)
    await insertCommandEvent(tx, key, { at, happening, state, by, note })
    if (change.act !== undefined) await recordAudit(tx, change.act, at)
    return { row: next, changed: true }
  })
  if (outcome?.changed) metrics.entered.inc({ state: outcome.row.state })
  return outcome
}

/** The device says what became of a command that is over already, and it is not the same again. */
function isLateWord({ state, attempts }: CommandRow, happening: Happening): boolean {
  return attempts > 0 && (happening === 'executed' || happening === 'failed') && state !== happening
}

function fieldsOf(row: CommandRow, change: CommandChange, state: CommandState, at: number): Partial<CommandRow> {
  const { happening, by = null, transport = null, result = null, error = null } = change
  switch (happening) {
    case 'confirmed':
      return { confirmedBy: by, confirmedAt: at }
    case 'sent':
      return { transport, attempts: row.attempts + 1, sentAt: at, held: null }
    case 'returned':
      return {}
    case 'delivered':
      return { deliveredAt: at, held: null }
    default: {
      const byDevice = happening === 'executed' || happening === 'failed'
      const deliveredAt = byDevice ? (row.deliveredAt ?? at) : row.deliveredAt
      return { endedAt: at, held: null, deliveredAt, result, error: state === 'failed' ? error : null }
    }
  }
}
