import { useCallback } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useAnswer } from '../hooks/use-answer.ts'
import { type AlertEvent, isOfFence } from '../live/alerts.ts'
import { type Explanation, fetchExplanations } from '../live/device-answers.ts'

/** What was decided about the same fence or by the same rule shortly before belongs to the answer: why not earlier. */
const BEFORE_MS = 10 * 60_000
const AFTER_MS = 60_000
const OTHERS_SHOWN = 5

const OUTCOMES = {
  announced: 'announced',
  suppressed: 'not announced',
  corrected: 'taken back',
  missed: 'missed',
} as const

/** Why there was this alert, in the platform's own words. */
export function Explain({ event }: { readonly event: AlertEvent }) {
  const { live } = useConsole()
  const ask = useCallback(
    () =>
      fetchExplanations(live, event.deviceId, {
        fromMs: event.timestamp - BEFORE_MS,
        toMs: event.timestamp + AFTER_MS,
        ...(isOfFence(event) ? { fenceId: event.fenceId } : { rule: event.event }),
      }),
    [live, event],
  )
  const { value, fault, loading } = useAnswer(ask)
  if (fault !== null) return <p className="explain">It could not be explained: {fault}</p>
  if (value === null || loading) return <p className="explain">Asking…</p>
  const isMeant = ({ eventId, announced }: Explanation): boolean => eventId === event.id || announced?.id === event.id
  const newestFirst = value.items.toReversed()
  const shown = [...newestFirst.filter(isMeant), ...newestFirst.filter(item => !isMeant(item)).slice(0, OTHERS_SHOWN)]
  return (
    <div className="explain">
      {value.items.length === 0 && <p>Nothing was recorded about it.</p>}
      <ul>
        {shown.map(item => (
          <li key={`${item.timestamp} ${item.event} ${item.outcome}`} data-meant={isMeant(item) || undefined}>
            <span className="tag" data-tone={item.outcome === 'announced' ? undefined : 'warn'}>
              {OUTCOMES[item.outcome] ?? item.outcome}
            </span>{' '}
            {item.text}
            {item.count !== undefined && item.count > 1 && ` (${item.count} times in a row)`}
          </li>
        ))}
      </ul>
      {value.note !== null && <p className="muted">{value.note}</p>}
    </div>
  )
}
