import { type FormEvent, useState } from 'react'
import { useTheme } from '../hooks/use-theme.ts'
import { type Api, ApiError } from '../live/api.ts'
import { CopyButton } from '../panels/copy-button.tsx'
import { BrandMark, Icon } from '../panels/icons.tsx'
import {
  type Credentials,
  credentialsFile,
  httpCommand,
  mqttSettings,
  type PhoneApp,
  phoneApps,
  type Setting,
} from './credentials.ts'

interface Props {
  readonly api: Api
  /** Of the link or QR code by which the page was opened; else empty. */
  readonly codeFromLink: string
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something unexpected went wrong. Try again.'
  switch (error.code) {
    case 'claim_code_wrong':
      return 'There is no such code. Check it for typing mistakes.'
    case 'claim_code_used':
      return 'This code was used already. Ask your administrator for another one.'
    case 'claim_code_expired':
      return 'This code has expired. Ask your administrator for another one.'
    case 'too_many_attempts':
      return 'Too many wrong codes. Wait a minute, then try again.'
  }
  return error.status === 0 ? 'The server cannot be reached. Check your network, then try again.' : error.message
}

/** Takes a code, typed or from the link, and shows what the device needs. A click, not the link alone, uses the code up. */
export function ClaimPage({ api, codeFromLink }: Props) {
  const { theme, toggle } = useTheme()
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string | null>(null)
  const [credentials, setCredentials] = useState<Credentials | null>(null)

  const onSubmit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault()
    const code = String(new FormData(event.currentTarget).get('code')).trim()
    setBusy(true)
    setFault(null)
    try {
      setCredentials(await api.request<Credentials>('/claims', { method: 'POST', body: { code } }))
    } catch (error) {
      setFault(sentenceOf(error))
    } finally {
      setBusy(false)
    }
  }

  return (
    <main className="login claim">
      {credentials === null ? (
        <form className="login__form" onSubmit={onSubmit} aria-busy={busy}>
          <div className="login__brand">
            <BrandMark />
            <h1>Claim a device</h1>
          </div>
          <p className="login__lead">The code becomes the credentials of its device. It works once.</p>
          {fault !== null && (
            <p className="login__message" role="alert" data-tone="error">
              {fault}
            </p>
          )}
          <label className="field">
            <span>Code</span>
            <input
              name="code"
              defaultValue={codeFromLink}
              placeholder="XXXX-XXXX-XXXX"
              autoComplete="off"
              autoCapitalize="characters"
              spellCheck={false}
              maxLength={64}
              required
            />
          </label>
          <button className="button button--primary" type="submit" disabled={busy}>
            {busy ? 'Asking…' : 'Show the credentials'}
          </button>
        </form>
      ) : (
        <Shown credentials={credentials} />
      )}
      <button className="icon-button login__theme" type="button" onClick={toggle}>
        {theme === 'dark' ? <Icon name="sun" /> : <Icon name="moon" />}
        <span className="hidden">{theme === 'dark' ? 'Light colours' : 'Dark colours'}</span>
      </button>
    </main>
  )
}

function Shown({ credentials }: { readonly credentials: Credentials }) {
  const mqtt = mqttSettings(credentials)
  const command = httpCommand(credentials)
  const file = credentialsFile(credentials)
  return (
    <article className="claim__shown" aria-label="Credentials">
      <h1>
        {credentials.deviceId} <small>{credentials.org}</small>
      </h1>
      <p className="login__message" role="status">
        Put these into the device now: the code is used up, and this page does not keep them.
      </p>
      <section>
        <h2>On a phone</h2>
        {phoneApps(credentials).map(app => (
          <AppOnPhone key={app.name} app={app} deviceId={credentials.deviceId} />
        ))}
      </section>
      {mqtt.length > 0 && (
        <section>
          <h2>MQTT</h2>
          <Settings settings={mqtt} />
        </section>
      )}
      <section>
        <h2>HTTP</h2>
        <Settings
          settings={[
            { name: 'URL of a position', value: credentials.http.location },
            { name: 'URL of many positions', value: credentials.http.batch },
            { name: 'Bearer token', value: credentials.token },
            { name: 'To try it', value: command },
          ]}
        />
      </section>
      <p className="claim__file">
        <a
          className="button"
          href={`data:application/json;charset=utf-8,${encodeURIComponent(file)}`}
          download={`${credentials.deviceId}.json`}
        >
          Save all of it as a file
        </a>
      </p>
    </article>
  )
}

/** Opened on the phone, the link sets the app up; from another screen the phone scans it. */
function AppOnPhone({ app, deviceId }: { readonly app: PhoneApp; readonly deviceId: string }) {
  return (
    <details className="claim__app">
      <summary>{app.name}</summary>
      {app.settings.length > 0 && <Settings settings={app.settings} />}
      <p className="claim__file">
        {app.file !== null && (
          <>
            <a className="button" href={app.url}>
              Set up on this phone
            </a>{' '}
            <a
              className="button"
              href={`data:application/octet-stream;charset=utf-8,${encodeURIComponent(app.file)}`}
              download={`${deviceId}.otrc`}
            >
              Save as .otrc
            </a>
          </>
        )}
      </p>
      {app.qrSvg !== null && (
        <img
          className="claim__qr"
          src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(app.qrSvg)}`}
          alt={`QR code that sets ${app.name} up`}
        />
      )}
    </details>
  )
}

function Settings({ settings }: { readonly settings: readonly Setting[] }) {
  return (
    <dl className="claim__settings">
      {settings.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>{value}</code>
            <CopyButton text={value} label={`Copy ${name.toLowerCase()}`} />
          </dd>
        </div>
      ))}
    </dl>
  )
}
