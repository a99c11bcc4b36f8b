/** "45 s", "12 min", "1 h 29 min", "3 d 4 h": how long something still lasts. */
export function remainingText(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** The time in the reader's own zone, to the minute; with its date when that is not today's. */
export function clockText(ms: number, nowMs: number): string {
  const date = new Date(ms)
  const isToday = date.toDateString() === new Date(nowMs).toDateString()
  return isToday
    ? date.toLocaleTimeString(undefined, { timeStyle: 'short' })
    : date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}
