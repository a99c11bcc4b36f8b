const DAY_MS = 86_400_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** Whether the time zone is one that the runtime's tables of IANA zones know. Offsets like `+02:00` are no zones. */
export function isTimeZone(timeZone: string): boolean {
  if (!/^[A-Za-z]/.test(timeZone)) return false
  try {
    formatOf(timeZone)
    return true
  } catch {
    return false
  }
}

/** The day that a clock in the zone shows, counted from 1970-01-01. */
export function localDay(time: number, timeZone: string): number {
  return Math.floor((time + offsetAt(time, timeZone)) / DAY_MS)
}

/**
 * The first and the last moment at which a clock in the zone shows a time, usually the same. They differ where the clock is put
 * back; where it is put forward over that time, both are the moment of the change.
 * @param shown the time on the clock, in milliseconds as if it were UTC
 */
export function instantsOf(shown: number, timeZone: string): { readonly first: number; readonly last: number } {
  const before = offsetAt(shown - DAY_MS, timeZone)
  const after = offsetAt(shown + DAY_MS, timeZone)
  const found = [shown - before, shown - after].filter(time => time + offsetAt(time, timeZone) === shown)
  if (found.length > 0) return { first: Math.min(...found), last: Math.max(...found) }
  const change = changeBetween(shown - DAY_MS, shown + DAY_MS, timeZone)
  return { first: change, last: change }
}

/** The moment at which the zone's offset changes, between two at which it differs. */
function changeBetween(from: number, until: number, timeZone: string): number {
  const before = offsetAt(from, timeZone)
  let low = from
  let high = until
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(middle, timeZone) === before) low = middle
    else high = middle
  }
  return high
}

/** What a clock in the zone is ahead of UTC, milliseconds. */
function offsetAt(time: number, timeZone: string): number {
  const parts: Record<string, number> = {}
  for (const { type, value } of formatOf(timeZone).formatToParts(time)) parts[type] = Number(value)
  const { year, month, day, hour, minute, second } = parts as Record<Intl.DateTimeFormatPartTypes, number>
  const shown = Date.UTC(year, month - 1, day, hour, minute, second)
  return shown - Math.floor(time / 1_000) * 1_000
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timeZone, format)
  }
  return format
}
