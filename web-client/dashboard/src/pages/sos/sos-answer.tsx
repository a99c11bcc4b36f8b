import { useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { ApiError } from '../../live/api.ts'
import { closeAlert } from '../../live/sos.ts'
import { Field } from '../parts/field.tsx'
import { Failure } from '../parts/list-state.tsx'
import { useTask } from '../parts/use-task.ts'

interface Props {
  readonly alertId: string
  readonly acknowledged: boolean
  onAnswered(): void
}

/** What a dispatcher does about an alert. The note goes with whichever button is pressed. */
export function SosAnswer({ alertId, acknowledged, onAnswered }: Props) {
  const { live } = useConsole()
  const [note, setNote] = useState('')
  const task = useTask()

  const send = async (action: 'acknowledge' | 'escalate' | 'resolve', outcome?: 'false-alarm'): Promise<void> => {
    const done = await task.run(async () => {
      const said = note.trim()
      try {
        await live.request(`/sos/${encodeURIComponent(alertId)}/${action}`, {
          method: 'POST',
          body: { ...(said !== '' && { note: said }), ...(outcome !== undefined && { outcome }) },
        })
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'alert_closed') throw error
        // Somebody else was faster: then it is closed here too.
        live.sos.set(state => closeAlert(state, alertId))
        throw new Error('The alert was already closed.', { cause: error })
      }
      if (action === 'resolve') live.sos.set(state => closeAlert(state, alertId))
    })
    if (done) setNote('')
    onAnswered()
  }

  return (
    <div className="sos-answer">
      <Field label="Note">
        {bound => (
          <textarea
            {...bound}
            rows={2}
            maxLength={2_000}
            value={note}
            placeholder="What was found, whom you called"
            onChange={event => setNote(event.target.value)}
          />
        )}
      </Field>
      <div className="form__buttons">
        {!acknowledged && (
          <button
            className="button button--danger-fill"
            type="button"
            disabled={task.busy}
            onClick={() => send('acknowledge')}
          >
            Acknowledge
          </button>
        )}
        <button className="button" type="button" disabled={task.busy} onClick={() => send('escalate')}>
          Escalate
        </button>
        <button className="button" type="button" disabled={task.busy} onClick={() => send('resolve')}>
          Resolve
        </button>
        <button className="button" type="button" disabled={task.busy} onClick={() => send('resolve', 'false-alarm')}>
          False alarm
        </button>
      </div>
      {task.error !== null && <Failure error={task.error} />}
    </div>
  )
}
