/**
 * A moment in UTC from the parts of a frame, or null when they are no date (a receiver without a fix sends zeros).
 * @param year in full, or its last two digits, which count from 2000
 * @param month 1 to 12
 */
export function utcTime(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  millisecond = 0,
): number | null {
  const fullYear = year < 100 ? year + 2_000 : year
  const time = Date.UTC(fullYear, month - 1, day, hour, minute, second, millisecond)
  const date = new Date(time)
  const isDate =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second <= 60
  return isDate ? time : null
}

/**
 * The moment nearest to `near` with this time of day: for frames that leave the date out.
 * @param near milliseconds since the Unix epoch
 */
export function timeOfDayNear(near: number, hour: number, minute: number, second: number): number {
  const date = new Date(near)
  const sameDay = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), hour, minute, second)
  const days = Math.round((near - sameDay) / 86_400_000)
  return sameDay + days * 86_400_000
}
