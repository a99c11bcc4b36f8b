import { type FormEvent, useCallback, useId, useState } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useAnswer } from '../hooks/use-answer.ts'
import { fetchCommandTypes, sendCommand } from '../live/device-answers.ts'
import { useTask } from '../pages/parts/use-task.ts'

const VALID_MS = 60 * 60_000

/** Gives the device a command: one that it is known to understand, or any other. */
export function CommandForm({ deviceId, onSent }: { readonly deviceId: string; onSent(): void }) {
  const { live } = useConsole()
  const task = useTask()
  const [name, setName] = useState('')
  const names = useId()
  const ask = useCallback(() => fetchCommandTypes(live, deviceId), [live, deviceId])
  const types = useAnswer(ask).value ?? []
  const known = types.find(type => type.name === name)

  const onSubmit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const said = new FormData(form)
    const args = readArguments(String(said.get('args') ?? ''))
    await task.run(async () => {
      if (args === null) throw new Error('The arguments are no JSON object, like {"seconds": 30}.')
      await sendCommand(live, deviceId, { name: name.trim(), args, expiresAt: Math.round(live.now()) + VALID_MS })
      form.reset()
      setName('')
      onSent()
    })
  }

  return (
    <form className="command-form" onSubmit={onSubmit}>
      <input
        aria-label="Command"
        placeholder={`Command, like ${types[0]?.name ?? 'locate'}`}
        required
        maxLength={64}
        list={names}
        value={name}
        onChange={event => setName(event.target.value)}
      />
      <datalist id={names}>
        {types.map(({ name, summary }) => (
          <option key={name} value={name}>
            {summary}
          </option>
        ))}
      </datalist>
      <input name="args" aria-label="Arguments" placeholder='Arguments, like {"seconds": 30}' />
      <button className="button button--small" type="submit" disabled={task.busy}>
        Send
      </button>
      {known !== undefined && (
        <p className="muted">
          {known.summary}.{known.secondPerson && ' Another person has to confirm it.'}
        </p>
      )}
      {task.error !== null && <p role="alert">{task.error.message}</p>}
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
