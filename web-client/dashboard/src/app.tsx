import { lazy, Suspense, useEffect, useState } from 'react'
import { type Console, ConsoleContext, FleetContext } from './hooks/live-context.ts'
import { useStore } from './hooks/use-store.ts'
import { ThemeContext, useTheme } from './hooks/use-theme.ts'
import type { Api } from './live/api.ts'
import type { Auth } from './live/auth.ts'
import { startLive } from './live/live.ts'
import { createSelection } from './live/selection.ts'
import type { Session } from './live/session.ts'
import { openWorkerWire } from './live/worker-wire.ts'
import { startFleetMotion } from './map/fleet-motion.ts'
import { LoginForm } from './panels/login-form.tsx'
import { exposeSnapshot } from './snapshot.ts'

/** Whoever still has to log in does not wait for it. */
const ConsoleView = lazy(() => import('./console-view.tsx'))

interface Props {
  readonly api: Api
  readonly auth: Auth
}

export function App({ api, auth }: Props) {
  const { session, reason, checking } = useStore(auth.store)
  const { theme, toggle } = useTheme()
  const console = useConsoleOf(api, auth, session)
  if (checking) return null
  if (session === null) return <LoginForm auth={auth} reason={reason} theme={theme} onToggleTheme={toggle} />
  if (console === null) return null
  return (
    <ConsoleContext value={console}>
      <FleetContext value={console}>
        <ThemeContext value={theme}>
          <Suspense fallback={null}>
            <ConsoleView theme={theme} onToggleTheme={toggle} onLogout={auth.logout} />
          </Suspense>
        </ThemeContext>
      </FleetContext>
    </ConsoleContext>
  )
}

/** The live connection of a principal: stays when its token is renewed, ends when it leaves. */
function useConsoleOf(api: Api, auth: Auth, session: Session | null): Console | null {
  const [console, setConsole] = useState<Console | null>(null)
  const principal = session === null ? null : `${session.org}/${session.sub}/${session.role}`

  useEffect(() => {
    const { session } = auth.store.get()
    if (principal === null || session === null) return
    const live = startLive({
      api,
      auth,
      session,
      mqttUrl: mqttUrlOf(location),
      clientId: `dashboard-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`,
      openWire: openWorkerWire,
    })
    const motion = startFleetMotion(live.devices, matchMedia('(prefers-reduced-motion: reduce)'), live.drawn)
    const selection = createSelection()
    const hide = exposeSnapshot({ live, motion, selection })
    const retry = (): void => {
      if (document.visibilityState === 'visible') live.connection.retryNow()
    }
    addEventListener('online', retry)
    document.addEventListener('visibilitychange', retry)
    setConsole({ live, motion, selection })
    return () => {
      removeEventListener('online', retry)
      document.removeEventListener('visibilitychange', retry)
      hide()
      motion.close()
      live.close()
      setConsole(null)
    }
  }, [api, auth, principal])

  return console
}

function mqttUrlOf({ protocol, host }: Location): string {
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/mqtt`
}
