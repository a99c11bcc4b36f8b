import { type FormEvent, useCallback, useEffect, useState } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useAnswer } from '../hooks/use-answer.ts'
import { fetchCommands, type GivenCommand, sendCommand } from '../live/device-answers.ts'
import { mayAnswerSos } from '../live/session.ts'
import { absoluteTime, clockTime } from '../live/time-text.ts'

/** How often it is asked how far the commands have come, while one is on its way. */
const PERIOD_MS = 3_000
const VALID_MS = 60 * 60_000
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
            <CommandItem key={command.id} command={command} />
          ))}
        </ol>
      )}
    </section>
  )
}

function CommandItem({
  command: { name, state, createdAt, expiresAt, error, result },
}: {
  readonly command: GivenCommand
}) {
  const outcome = error ?? result
  return (
    <li className="command">
      <b>{name}</b>
      <span className="tag" data-tone={state === 'failed' || state === 'expired' ? 'warn' : undefined}>
        {state.replaceAll('-', ' ')}
      </span>
      <small className="muted">
        {createdAt !== undefined && clockTime(createdAt)}
        {!ENDED.has(state) && expiresAt !== undefined && `, until ${absoluteTime(expiresAt)}`}
        {outcome !== undefined && outcome !== null && (
          <> · {typeof outcome === 'string' ? outcome : JSON.stringify(outcome)}</>
        )}
      </small>
    </li>
  )
}

function CommandForm({ deviceId, onSent }: { readonly deviceId: string; onSent(): void }) {
  const { live } = useConsole()
  const [fault, setFault] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)

  const onSubmit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const said = new FormData(form)
    const args = readArguments(String(said.get('args') ?? ''))
    if (args === null) return setFault('The arguments are no JSON object, like {"seconds": 30}.')
    setBusy(true)
    setFault(null)
    try {
      const name = String(said.get('name') ?? '').trim()
      await sendCommand(live, deviceId, { name, args, expiresAt: Math.round(live.now()) + VALID_MS })
      form.reset()
      onSent()
    } catch (error) {
      setFault((error as Error).message)
    } finally {
      setBusy(false)
    }
  }

  return (
    <form className="command-form" onSubmit={onSubmit}>
      <input name="name" aria-label="Command" placeholder="Command, like locate" required maxLength={64} />
      <input name="args" aria-label="Arguments" placeholder='Arguments, like {"seconds": 30}' />
      <button className="button button--small" type="submit" disabled={busy}>
        Send
      </button>
      {fault !== null && <p role="alert">{fault}</p>}
    </form>
  )
}

/** Null: it is no JSON object. */
function readArguments(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
