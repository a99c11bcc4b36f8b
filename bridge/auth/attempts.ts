/** So many wrong passwords cost nothing; every further one doubles the wait, from one second to a minute. */
const FREE_ATTEMPTS = 5
const LONGEST_WAIT_MS = 60_000
/** Forgotten after so long without an attempt. */
const MEMORY_MS = 15 * 60_000
const REMEMBERED = 10_000

interface Record {
  failures: number
  notBeforeMs: number
  lastMs: number
}

/** Slows guessing of passwords, per account and address, in memory. */
export interface Attempts {
  /** Counts an attempt before its password is checked. Returns 0, or how many milliseconds it comes too early. */
  begin(key: string, nowMs: number): number
  /** The password was right: the account and address start afresh. */
  succeed(key: string): void
}

export function createAttempts(): Attempts {
  const records = new Map<string, Record>()
  return {
    begin(key, nowMs) {
      const known = records.get(key)
      if (known !== undefined && nowMs < known.notBeforeMs) return known.notBeforeMs - nowMs
      const failures = known === undefined || nowMs - known.lastMs > MEMORY_MS ? 1 : known.failures + 1
      const waitMs =
        failures < FREE_ATTEMPTS ? 0 : Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** Math.min(16, failures - FREE_ATTEMPTS))
      records.delete(key)
      if (records.size >= REMEMBERED) records.delete(records.keys().next().value!)
      records.set(key, { failures, notBeforeMs: nowMs + waitMs, lastMs: nowMs })
      return 0
    },
    succeed(key) {
      records.delete(key)
    },
  }
}
