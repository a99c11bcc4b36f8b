/** The SQLSTATE codes the platform acts on (PostgreSQL manual, appendix A). */
export const UNIQUE_VIOLATION = '23505'
export const CHECK_VIOLATION = '23514'
export const IN_FAILED_TRANSACTION = '25P02'
export const LOCK_NOT_AVAILABLE = '55P03'
export const DUPLICATE_TABLE = '42P07'

/**
 * Classes of failure that pass by themselves: connection (08), a server that only reads for now (25), serialisation and
 * deadlock (40), resources (53), a lock (55), a server that stops or starts (57), its disk (58), and our own `connection`.
 */
export function isTransient(code: string): boolean {
  return code === 'connection' || /^(08|25|40|53|55|57|58)/.test(code)
}

/** Whether the outcome of a commit that failed so is unknown: the server may have stored it. */
export function isConnectionLoss(code: string): boolean {
  return code === 'connection' || /^(08|57)/.test(code)
}

/** The data themselves are at fault (22 data exception, 23 constraint, 54 too large for the database): sending them again cannot help. */
export function isDataFault(code: string): boolean {
  return /^(22|23|54)/.test(code)
}
