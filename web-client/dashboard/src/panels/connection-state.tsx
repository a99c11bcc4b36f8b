import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useStore } from '../hooks/use-store.ts'
import { agoText, durationText } from '../live/time-text.ts'

/** A connection that comes back within this is not worth a banner. */
const BANNER_AFTER_MS = 1_500
/** Connected, but nothing has come for a while: a quiet fleet, or a network that died without a word. */
const QUIET_AFTER_MS = 10_000
/** A delay below this is the way of the data through network and drawing. */
const LIVE_MS = 1_000

/** In the top bar, always: how far what you see is behind, or how old the last message is when none comes. */
export function ConnectionPill() {
  const { live } = useConsole()
  const { phase, lastMessageAtMs } = useStore(live.connection.store)
  const { behindMs, tooFar } = useStore(live.delay)
  const nowMs = useNow(Date.now)
  const age = lastMessageAtMs === null ? '' : agoText(nowMs - lastMessageAtMs)
  const quiet = phase === 'online' && age !== '' && nowMs - (lastMessageAtMs ?? 0) > QUIET_AFTER_MS
  const behind = phase === 'online' && tooFar
  const delay = behindMs < LIVE_MS ? 'within 1 s' : `${durationText(behindMs)} behind`
  const text = {
    connecting: 'Connecting…',
    online:
      age === '' && !behind
        ? 'Live · no data yet'
        : behind
          ? `Behind · ${durationText(behindMs)}`
          : quiet
            ? `Quiet · ${age}`
            : `Live · ${delay}`,
    offline: 'Offline',
  }[phase]
  const last = age === '' ? 'Nothing has been received yet' : `Last data: ${age}`
  return (
    <span
      className="pill"
      data-phase={behind ? 'offline' : quiet ? 'quiet' : phase}
      title={phase === 'online' ? `What is drawn is ${(behindMs / 1_000).toFixed(1)} s behind. ${last}.` : last}
    >
      <i aria-hidden="true" />
      {text}
    </span>
  )
}

/** While the picture may be old it says so, since when, and what happens next. */
export function ConnectionBanner() {
  const { live } = useConsole()
  const { phase, outdatedSinceMs, retryAtMs, reason, refused } = useStore(live.connection.store)
  const { behindMs, tooFar } = useStore(live.delay)
  const nowMs = useNow(Date.now)
  if (phase === 'online' && tooFar) {
    return (
      <div className="banner" role="status" data-tone="warn">
        <p>
          <b>{durationText(behindMs)} behind.</b> The connection, the platform or this browser does not keep up. What is
          drawn is old.
        </p>
      </div>
    )
  }
  if (phase === 'online') {
    return refused.length === 0 ? null : (
      <div className="banner" role="status">
        <p>
          <b>Some channels are closed to you.</b> Your role may not read {refused.join(', ')}.
        </p>
      </div>
    )
  }
  if (phase === 'connecting' || outdatedSinceMs === null || nowMs - outdatedSinceMs < BANNER_AFTER_MS) return null
  const wait = retryAtMs === null ? 'Trying again now…' : `Trying again in ${durationText(retryAtMs - nowMs + 999)}.`
  return (
    <div className="banner" role="status" data-tone="warn">
      <p>
        <b>Offline for {durationText(nowMs - outdatedSinceMs)}.</b> Positions may be old.{' '}
        <span title={reason ?? ''}>{wait}</span>
      </p>
      <button
        className="button button--small"
        type="button"
        disabled={retryAtMs === null}
        onClick={live.connection.retryNow}
      >
        Try now
      </button>
    </div>
  )
}
