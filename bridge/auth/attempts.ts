import { isIPv6 } from 'node:net'

/** So many wrong passwords cost nothing; every further one doubles the wait, from one second to a minute. */
const FREE_ATTEMPTS = 5
const LONGEST_WAIT_MS = 60_000
/** Forgotten after so long without an attempt. */
const MEMORY_MS = 15 * 60_000
/** Entries of each kind. The one that was used longest ago goes first: one under attack never does. */
const REMEMBERED = 10_000

/** One account from everywhere: a botnet gets 20 guesses, then 4 a minute together. */
const ACCOUNT = { burst: 20, everyMs: 15_000 }
/** One address over all accounts: an office behind one address may mistype a good deal, a list of passwords takes weeks. */
const ADDRESS = { burst: 50, everyMs: 5_000 }
/** From which addresses an account was used, the last ones. */
const KNOWN_ADDRESSES = 8

export interface Attempt {
  readonly username: string
  /** As the socket has it. */
  readonly address: string
}

/**
 * Slows guessing of passwords, in memory: per account and address, per account from everywhere, per address over all accounts.
 * An address from which the account was used before waits for its own wrong passwords alone, a minute at the most: strangers
 * can slow down a person who comes from somewhere new, but keep nobody out who comes from where she always does.
 */
export interface Attempts {
  /** Counts an attempt before its password is checked. Returns 0, or how many milliseconds it comes too early. */
  begin(attempt: Attempt, nowMs: number): number
  /** The password was right: it counts for nothing, and the account is at home there. */
  succeed(attempt: Attempt, nowMs: number): void
}

export function createAttempts(): Attempts {
  const together = createDoublingWaits()
  const accounts = createBuckets(ACCOUNT)
  const addresses = createBuckets(ADDRESS)
  const homes = new Map<string, string[]>()

  return {
    begin({ username, address }, nowMs) {
      const from = networkOf(address)
      const both = `${from} ${username}`
      const isHome = homes.get(username)?.includes(from) ?? false
      const waits = [together.waitMs(both, nowMs)]
      if (!isHome) waits.push(accounts.waitMs(username, nowMs), addresses.waitMs(from, nowMs))
      const waitMs = Math.max(...waits)
      if (waitMs > 0) return waitMs
      together.count(both, nowMs)
      if (!isHome) {
        accounts.take(username, nowMs)
        addresses.take(from, nowMs)
      }
      return 0
    },
    succeed({ username, address }, nowMs) {
      const from = networkOf(address)
      const known = homes.get(username) ?? []
      if (!known.includes(from)) {
        accounts.giveBack(username, nowMs)
        addresses.giveBack(from, nowMs)
      }
      together.forget(`${from} ${username}`)
      remember(homes, username, [from, ...known.filter(one => one !== from)].slice(0, KNOWN_ADDRESSES))
    },
  }
}

/** The growing wait alone, for whatever is guessed at: a key names who guesses. */
export function createKeyedAttempts(): {
  /** Counts an attempt. Returns 0, or how many milliseconds it comes too early. */
  begin(key: string, nowMs: number): number
  /** The guess was right: the key starts afresh. */
  succeed(key: string): void
} {
  const waits = createDoublingWaits()
  return {
    begin(key, nowMs) {
      const waitMs = waits.waitMs(key, nowMs)
      if (waitMs === 0) waits.count(key, nowMs)
      return waitMs
    },
    succeed: waits.forget,
  }
}

/** Whoever has one IPv6 address mostly has the 2^64 of its network: they count as one. RFC 6177 §2 */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail = ''] = plain.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === '' ? [] : tail.split(':')
  const groups = plain.includes('::') ? [...front, ...Array(8 - front.length - back.length).fill('0'), ...back] : front
  return groups
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}

function remember<Value>(entries: Map<string, Value>, key: string, value: Value): void {
  entries.delete(key)
  if (entries.size >= REMEMBERED) entries.delete(entries.keys().next().value!)
  entries.set(key, value)
}

function createDoublingWaits() {
  const records = new Map<string, { failures: number; notBeforeMs: number; lastMs: number }>()
  return {
    waitMs(key: string, nowMs: number): number {
      const record = records.get(key)
      if (record === undefined) return 0
      remember(records, key, record)
      return Math.max(0, record.notBeforeMs - nowMs)
    },
    count(key: string, nowMs: number): void {
      const known = records.get(key)
      const failures = known === undefined || nowMs - known.lastMs > MEMORY_MS ? 1 : known.failures + 1
      const waitMs =
        failures < FREE_ATTEMPTS ? 0 : Math.min(LONGEST_WAIT_MS, 1_000 * 2 ** Math.min(16, failures - FREE_ATTEMPTS))
      remember(records, key, { failures, notBeforeMs: nowMs + waitMs, lastMs: nowMs })
    },
    forget: (key: string): void => void records.delete(key),
  }
}

function createBuckets({ burst, everyMs }: { burst: number; everyMs: number }) {
  const buckets = new Map<string, { left: number; atMs: number }>()
  const leftAt = (key: string, nowMs: number): number => {
    const bucket = buckets.get(key)
    return bucket === undefined ? burst : Math.min(burst, bucket.left + (nowMs - bucket.atMs) / everyMs)
  }
  const add = (key: string, amount: number, nowMs: number): void =>
    remember(buckets, key, { left: Math.min(burst, leftAt(key, nowMs) + amount), atMs: nowMs })
  return {
    waitMs(key: string, nowMs: number): number {
      const left = leftAt(key, nowMs)
      if (buckets.has(key)) remember(buckets, key, { left, atMs: nowMs })
      return left >= 1 ? 0 : Math.ceil((1 - left) * everyMs)
    },
    take: (key: string, nowMs: number): void => add(key, -1, nowMs),
    giveBack: (key: string, nowMs: number): void => add(key, 1, nowMs),
  }
}
