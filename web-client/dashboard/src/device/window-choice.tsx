import type { TimeWindow } from './use-track.ts'

const HOUR_MS = 3_600_000

const CHOICES = [
  { label: '1 h', ms: HOUR_MS },
  { label: '6 h', ms: 6 * HOUR_MS },
  { label: '24 h', ms: 24 * HOUR_MS },
  { label: '7 days', ms: 7 * 24 * HOUR_MS },
] as const

export const lastHours = (nowMs: number, lengthMs: number = HOUR_MS): TimeWindow => ({
  fromMs: nowMs - lengthMs,
  toMs: nowMs,
  live: true,
})

interface Props {
  readonly window: TimeWindow
  now(): number
  onChange(window: TimeWindow): void
}

/** Which time is looked at: the last hours up to now, or one day of the calendar. */
export function WindowChoice({ window, now, onChange }: Props) {
  const lengthMs = window.toMs - window.fromMs
  const day = window.live ? '' : dayOf(window.fromMs)
  return (
    <fieldset className="window">
      <legend className="hidden">Time to look at</legend>
      {CHOICES.map(({ label, ms }) => (
        <button
          key={label}
          className="button button--small"
          type="button"
          aria-pressed={window.live && lengthMs === ms}
          onClick={() => onChange(lastHours(now(), ms))}
        >
          {label}
        </button>
      ))}
      <label>
        <span className="hidden">Day</span>
        <input
          type="date"
          value={day}
          max={dayOf(now())}
          onChange={event => {
            const start = new Date(`${event.target.value}T00:00`)
            if (Number.isNaN(start.getTime())) return
            const end = new Date(start)
            end.setDate(end.getDate() + 1)
            onChange({ fromMs: start.getTime(), toMs: end.getTime(), live: false })
          }}
        />
      </label>
    </fieldset>
  )
}

/** `2026-03-01`, in the reader's own zone. */
function dayOf(ms: number): string {
  const time = new Date(ms)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
}
