import { useCallback, useEffect } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useAnswer } from '../hooks/use-answer.ts'
import { answerCommand, fetchCommands, type GivenCommand } from '../live/device-answers.ts'
import { mayAnswerSos } from '../live/session.ts'
import { absoluteTime, clockTime } from '../live/time-text.ts'
import { ConfirmButton } from '../pages/parts/confirm-button.tsx'
import { useTask } from '../pages/parts/use-task.ts'
import { CommandForm } from './command-form.tsx'

/** How often it is asked how far the commands have come, while one is on its way. */
const PERIOD_MS = 3_000
const ENDED = new Set(['executed', 'failed', 'expired', 'cancelled'])

/** Commands to the device and how far they have come. Nothing at all where the platform offers none. */
export function CommandPanel({ deviceId }: { readonly deviceId: string }) {
  const { live } = useConsole()
  const ask = useCallback(() => fetchCommands(live, deviceId), [live, deviceId])
  const { value: commands, fault, reload } = useAnswer(ask)
  const underWay = commands?.some(({ state }) => !ENDED.has(state)) ?? false
  useEffect(() => {
    if (!underWay) return
    const timer = setInterval(reload, PERIOD_MS)
    return () => clearInterval(timer)
  }, [underWay, reload])
  if (commands === null) return fault === null ? null : <p className="muted">Commands could not be loaded: {fault}</p>
  return (
    <section className="panel box" aria-label="Commands">
      <header className="panel__title">
        <h3>Commands</h3>
      </header>
      {mayAnswerSos(live.session) && <CommandForm deviceId={deviceId} onSent={reload} />}
      {commands.length === 0 ? (
        <p className="panel__empty">None has been given yet.</p>
      ) : (
        <ol className="box__list">
          {commands.map(command => (
            <CommandItem key={command.id} deviceId={deviceId} command={command} onAnswered={reload} />
          ))}
        </ol>
      )}
    </section>
  )
}

interface ItemProps {
  readonly deviceId: string
  readonly command: GivenCommand
  onAnswered(): void
}

function CommandItem({ deviceId, command, onAnswered }: ItemProps) {
  const { name, state, createdAt, createdBy, expiresAt, waitsFor, error, result } = command
  const outcome = error ?? result
  return (
    <li className="command">
      <b>{name}</b>
      <span className="tag" data-tone={state === 'failed' || state === 'expired' ? 'warn' : undefined}>
        {state.replaceAll('-', ' ')}
      </span>
      <small className="muted">
        {clockTime(createdAt)}, {createdBy}
        {!ENDED.has(state) && `, until ${absoluteTime(expiresAt)}`}
        {waitsFor !== undefined && <> · {waitsFor.message}</>}
        {outcome !== undefined && outcome !== null && (
          <> · {typeof outcome === 'string' ? outcome : JSON.stringify(outcome)}</>
        )}
      </small>
      <CommandAnswers deviceId={deviceId} command={command} onAnswered={onAnswered} />
    </li>
  )
}

/** Who asked for a command takes it back; another person confirms it. */
function CommandAnswers({ deviceId, command: { id, name, state, createdBy }, onAnswered }: ItemProps) {
  const { live } = useConsole()
  const task = useTask()
  if (!mayAnswerSos(live.session) || (state !== 'queued' && state !== 'awaiting-confirmation')) return null
  const answer = async (answer: 'confirm' | 'cancel'): Promise<void> => {
    await answerCommand(live, { deviceId, id, answer })
    onAnswered()
  }
  return (
    <span className="command__answers">
      {state === 'awaiting-confirmation' && createdBy !== live.session.sub && (
        <ConfirmButton label={`Confirm ${name}`} title={`Confirm ${name}?`} onConfirm={() => answer('confirm')}>
          {createdBy} asks for it. With your consent it goes to {deviceId} as soon as that is safe.
        </ConfirmButton>
      )}
      <button
        className="button button--small"
        type="button"
        disabled={task.busy}
        onClick={() => void task.run(() => answer('cancel'))}
      >
        Cancel {name}
      </button>
      {task.error !== null && <span role="alert">{task.error.message}</span>}
    </span>
  )
}
