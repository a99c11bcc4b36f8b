import { useConsole } from '../hooks/live-context.ts'
import type { SosNotification } from '../hooks/use-sos-notification.ts'
import { useUnits } from '../hooks/use-units.ts'
import { speedUnit } from '../live/units.ts'
import type { Theme } from '../map/palette.ts'
import { ConnectionPill } from './connection-state.tsx'
import { BrandMark, Icon } from './icons.tsx'

interface Props {
  readonly theme: Theme
  readonly sound: { readonly on: boolean; toggle(): void }
  readonly notification: SosNotification
  onToggleTheme(): void
  onLogout(): void
  /** Past the bar and the navigation, to the page. */
  onSkip(): void
}

export function TopBar({ theme, sound, notification, onToggleTheme, onLogout, onSkip }: Props) {
  const { session } = useConsole().live
  const { units, toggle: toggleUnits } = useUnits()
  const themeLabel = theme === 'dark' ? 'Light colours' : 'Dark colours'
  const soundLabel = sound.on ? 'Switch the SOS sound off' : 'Switch the SOS sound on'
  const unitsLabel = `${speedUnit(units)}: ${units === 'metric' ? 'switch to miles and feet' : 'switch to kilometres and metres'}`
  const notificationLabel = notification.on
    ? 'Do not notify me of an SOS'
    : 'Notify me of an SOS, also behind other windows'
  return (
    <header className="top">
      <button className="skip" type="button" onClick={onSkip}>
        Skip to the page
      </button>
      <h1 className="brand">
        <BrandMark />
        <span>Trackwire</span>
        <span className="brand__org">{session.org}</span>
      </h1>
      <ConnectionPill />
      <span className="top__gap" />
      <span className="top__who" title={`Role: ${session.role}`}>
        {session.sub}
        <small>{session.role}</small>
      </span>
      <button
        className="icon-button units"
        type="button"
        aria-label={unitsLabel}
        title={unitsLabel}
        onClick={toggleUnits}
      >
        {speedUnit(units)}
      </button>
      <button
        className="icon-button"
        type="button"
        aria-pressed={sound.on}
        aria-label={soundLabel}
        title={soundLabel}
        onClick={sound.toggle}
      >
        {sound.on ? <Icon name="soundOn" /> : <Icon name="soundOff" />}
      </button>
      {notification.possible && (
        <button
          className="icon-button"
          type="button"
          aria-pressed={notification.on}
          aria-label={notificationLabel}
          title={notificationLabel}
          onClick={notification.toggle}
        >
          <Icon name="bell" />
        </button>
      )}
      <button className="icon-button" type="button" aria-label={themeLabel} title={themeLabel} onClick={onToggleTheme}>
        {theme === 'dark' ? <Icon name="sun" /> : <Icon name="moon" />}
      </button>
      <button className="icon-button" type="button" aria-label="Log out" title="Log out" onClick={onLogout}>
        <Icon name="logout" />
      </button>
    </header>
  )
}
