/** "now", "12 s", "4 min", "2 h", "3 d": how long, in one short word. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h`
  return `${Math.floor(hours / 24)} d`
}

/** "just now" or "12 s ago". */
export function agoText(ms: number): string {
  return ms < 2_000 ? 'just now' : `${durationText(ms)} ago`
}

/** A running timer, `m:ss` or `h:mm:ss`. */
export function timerText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const two = (n: number): string => String(n).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}

/** The absolute time in the reader's own zone, to the second. */
export function absoluteTime(ms: number): string {
  return new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
}

/** The time of day in the reader's own zone, with the date where it is not today's. */
export function clockTime(ms: number, nowMs = Date.now()): string {
  const time = new Date(ms)
  const isToday = time.toDateString() === new Date(nowMs).toDateString()
  return time.toLocaleString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    ...(isToday ? {} : { day: 'numeric', month: 'short' }),
  })
}
