import { absoluteTime } from '../../live/time-text.ts'
import { type SosTimelineEntry, sosEventText } from './sos-text.ts'

/** What arrives so long after it happened was on its way: then both times are told. */
const ON_ITS_WAY_MS = 5_000

/** Everything that happened to an alert, the newest on top, with what became of each message. */
export function SosTimeline({ entries }: { readonly entries: readonly SosTimelineEntry[] }) {
  return (
    <ol className="timeline">
      {entries.toReversed().map(({ event, storedAt, principal, receipts }) => (
        <li key={event.id} data-event={event.event}>
          <p className="timeline__what">{sosEventText(event)}</p>
          {event.note !== undefined && <p className="timeline__note">“{event.note}”</p>}
          <p className="timeline__when">
            {absoluteTime(event.timestamp)}
            {storedAt - event.timestamp > ON_ITS_WAY_MS && `, arrived ${absoluteTime(storedAt)}`}
            {principal !== null && ` · ${principal}`}
          </p>
          {receipts.length > 0 && (
            <p className="timeline__when">
              {receipts.map(({ channel, target, status, receivedAt }) => (
                <span key={`${channel}/${target}/${status}`} className="tag" title={absoluteTime(receivedAt)}>
                  {channel}: {status}
                </span>
              ))}
            </p>
          )}
        </li>
      ))}
    </ol>
  )
}
