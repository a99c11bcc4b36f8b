import { useState } from 'react'
import type { GeofenceEvent } from '../../../../../contract/index.ts'
import { useConsole } from '../../hooks/live-context.ts'
import { metersBetween } from '../../live/devices.ts'
import { absoluteTime } from '../../live/time-text.ts'
import { alertText } from '../../panels/alert-text.ts'
import { Failure } from '../parts/list-state.tsx'
import { useTask } from '../parts/use-task.ts'
import { type FenceDraft, featureOf, type Position } from './fence-draft.ts'

const WEEK_MS = 7 * 86_400_000
/** What one replay takes. */
const MOST_DEVICES = 100
const MOST_SHOWN = 50
/** Of a fence that has no id yet. */
const NEW_ID = 'preview'

interface Replayed {
  readonly events: readonly GeofenceEvent[]
  readonly devices: readonly { readonly deviceId: string; readonly fixes: number }[]
  readonly comparison?: { readonly gone: readonly GeofenceEvent[]; readonly added: readonly GeofenceEvent[] }
  readonly truncated: { readonly message: string } | null
}

interface Outcome {
  readonly events: readonly GeofenceEvent[]
  /** Ids of events that were not announced; null when the fence is new. */
  readonly added: ReadonlySet<string> | null
  readonly gone: readonly GeofenceEvent[]
  readonly fixes: number
  readonly note: string | null
}

/** What the fence would have announced in the last week, as it is drawn now. Nothing is saved, nobody is told. */
export function FencePreview({ draft }: { readonly draft: FenceDraft }) {
  const { live } = useConsole()
  const task = useTask()
  const [outcome, setOutcome] = useState<{ readonly of: FenceDraft; readonly said: Outcome } | null>(null)
  const feature = featureOf(draft)

  const run = (): Promise<boolean> =>
    task.run(async () => {
      const id = draft.id ?? NEW_ID
      const all = devicesOf(draft, [...live.devices.get().values()])
      const deviceIds = all.slice(0, MOST_DEVICES)
      if (deviceIds.length === 0) throw new Error('There is no device whose way could be looked at.')
      const nowMs = live.now()
      const compare = draft.id !== null
      const body = {
        deviceIds,
        from: Math.round(nowMs - WEEK_MS),
        to: Math.round(nowMs),
        fences: { type: 'FeatureCollection', features: [{ ...feature, id }] },
        compare,
      }
      const replayed = await live.request<Replayed>('/replay', { method: 'POST', body })
      const ours = (events: readonly GeofenceEvent[]): GeofenceEvent[] => events.filter(({ fenceId }) => fenceId === id)
      const { comparison, truncated } = replayed
      const left = all.length - deviceIds.length
      setOutcome({
        of: draft,
        said: {
          events: ours(replayed.events).sort((a, b) => b.timestamp - a.timestamp),
          added: comparison === undefined ? null : new Set(ours(comparison.added).map(event => event.id)),
          gone: comparison === undefined ? [] : ours(comparison.gone),
          fixes: replayed.devices.reduce((sum, { fixes }) => sum + fixes, 0),
          note:
            truncated?.message ??
            (left > 0 ? `Looked at the ${MOST_DEVICES} devices that are nearest now; ${left} were left out.` : null),
        },
      })
    })

  const said = outcome?.said
  return (
    <section className="preview" aria-label="Preview">
      <div className="preview__head">
        <button className="button" type="button" disabled={feature === null || task.busy} onClick={run}>
          {task.busy ? 'Looking…' : 'What would have alerted last week?'}
        </button>
      </div>
      {task.error !== null && <Failure error={task.error} />}
      {said !== undefined && (
        <div data-old={outcome?.of !== draft || undefined} className="preview__said" role="status">
          {outcome?.of !== draft && <p className="entry__hint">The fence was changed since: look again.</p>}
          <p>
            <strong>{said.events.length === 0 ? 'Nothing' : `${said.events.length} events`}</strong> in {said.fixes}{' '}
            positions
            {said.added !== null && `: ${said.added.size} new, ${said.gone.length} gone against what was announced`}.
          </p>
          {said.note !== null && <p className="entry__hint">{said.note}</p>}
          <ul>
            {said.events.slice(0, MOST_SHOWN).map(event => (
              <li key={event.id}>
                <span>
                  {event.deviceId} {alertText(event).verb}
                  {said.added?.has(event.id) && <span className="tag">new</span>}
                </span>
                <time>{absoluteTime(event.timestamp)}</time>
              </li>
            ))}
            {said.gone.map(event => (
              <li key={event.id} className="preview__gone">
                <span>
                  {event.deviceId} {alertText(event).verb} <span className="tag">gone</span>
                </span>
                <time>{absoluteTime(event.timestamp)}</time>
              </li>
            ))}
          </ul>
          {said.events.length > MOST_SHOWN && <p className="entry__hint">The newest {MOST_SHOWN} are shown.</p>}
        </div>
      )}
    </section>
  )
}

interface Located {
  readonly id: string
  readonly fix: { readonly location: { readonly lat: number; readonly lng: number } } | null
}

/** Those that the fence names, else all, the nearest first. */
function devicesOf({ properties, points, fixed }: FenceDraft, devices: readonly Located[]): string[] {
  const named = properties.appliesTo?.devices
  if (named !== undefined && properties.appliesTo?.groups === undefined) return [...named]
  const [first] = points
  if (first === undefined || fixed !== null) return devices.map(({ id }) => id)
  const away = ({ fix }: Located): number =>
    fix === null ? Number.POSITIVE_INFINITY : metersBetween(first, [fix.location.lng, fix.location.lat] as Position)
  return [...devices].sort((a, b) => away(a) - away(b)).map(({ id }) => id)
}
