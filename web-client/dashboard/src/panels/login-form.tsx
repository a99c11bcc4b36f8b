import { type FormEvent, useState } from 'react'
import { ApiError } from '../live/api.ts'
import type { Auth } from '../live/auth.ts'
import type { Theme } from '../map/palette.ts'
import { BrandMark, Icon } from './icons.tsx'

interface Props {
  readonly auth: Auth
  /** Why the form is shown again, or null. */
  readonly reason: string | null
  readonly theme: Theme
  onToggleTheme(): void
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something unexpected went wrong. Try again.'
  if (error.status === 0) return 'The server cannot be reached. Check your network, then try again.'
  if (error.status === 401) return 'User name or password is wrong.'
  if (error.status === 429) return 'Too many attempts. Wait a minute, then try again.'
  return error.message
}

export function LoginForm({ auth, reason, theme, onToggleTheme }: Props) {
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string | null>(null)

  const onSubmit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget)
    setBusy(true)
    setFault(null)
    try {
      await auth.login(String(fields.get('username')).trim(), String(fields.get('password')))
    } catch (error) {
      setFault(sentenceOf(error))
      setBusy(false)
    }
  }

  const message = fault ?? reason
  return (
    <main className="login">
      <form className="login__form" onSubmit={onSubmit} aria-busy={busy}>
        <div className="login__brand">
          <BrandMark />
          <h1>Trackwire</h1>
        </div>
        <p className="login__lead">Live positions, fences and SOS of your fleet.</p>
        {message !== null && (
          <p className="login__message" role="alert" data-tone={fault === null ? 'info' : 'error'}>
            {message}
          </p>
        )}
        <label className="field">
          <span>User name</span>
          <input name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
        </label>
        <label className="field">
          <span>Password</span>
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button className="button button--primary" type="submit" disabled={busy}>
          {busy ? 'Logging in…' : 'Log in'}
        </button>
      </form>
      <button className="icon-button login__theme" type="button" onClick={onToggleTheme}>
        {theme === 'dark' ? <Icon name="sun" /> : <Icon name="moon" />}
        <span className="hidden">{theme === 'dark' ? 'Light colours' : 'Dark colours'}</span>
      </button>
    </main>
  )
}
