import { Suspense, useCallback, useEffect, useMemo, useRef } from 'react'
import { useConsole } from './hooks/live-context.ts'
import { useSosNotification } from './hooks/use-sos-notification.ts'
import { useSosSignal } from './hooks/use-sos-signal.ts'
import { useSosSound } from './hooks/use-sos-sound.ts'
import { useSelected, useStore } from './hooks/use-store.ts'
import { openAlerts } from './live/sos.ts'
import type { Theme } from './map/palette.ts'
import { Navigation } from './pages/navigation.tsx'
import { PageFault } from './pages/page-fault.tsx'
import { PageFrame } from './pages/page-frame.tsx'
import { pagesFor } from './pages/pages.ts'
import { href, matchPath, routeOf } from './pages/path.ts'
import { navigate, useOnPageChange, useRoute } from './pages/route.ts'
import { ConnectionBanner } from './panels/connection-state.tsx'
import { Notices } from './panels/notices.tsx'
import { SosBanner } from './panels/sos-banner.tsx'
import { TopBar } from './panels/top-bar.tsx'

interface Props {
  readonly theme: Theme
  onToggleTheme(): void
  onLogout(): void
}

/** What someone who is logged in sees on every page: the bar, every open SOS, the navigation; and in it the page. */
export default function ConsoleView({ theme, onToggleTheme, onLogout }: Props) {
  const { live, selection } = useConsole()
  const sosState = useStore(live.sos)
  const sos = useMemo(() => openAlerts(sosState), [sosState])
  const urgent = sos.filter(alert => alert.acknowledged === null).length
  const sound = useSosSound(urgent > 0)
  const nameOf = useCallback((id: string): string => live.devices.get().get(id)?.name ?? id, [live])
  const notification = useSosNotification(sos, nameOf)
  const { path } = useRoute()
  const pages = pagesFor(live.session.role)
  const stage = useRef<HTMLElement>(null)
  const shown = useMemo(() => {
    for (const page of pagesFor(live.session.role)) {
      const parameters = matchPath(page.path, path)
      if (parameters !== null) return { page, parameters }
    }
    return null
  }, [live, path])
  useSosSignal(sos.length, urgent, path === '/' ? null : (shown?.page.title ?? 'Not found'))
  useOnPageChange(path, () => stage.current?.focus({ preventScroll: true }))

  // Whoever asks to be shown a place, from a banner or a list, is on the way to the map.
  const flyTo = useSelected(selection.store, state => state.flyTo)
  useEffect(() => {
    if (flyTo !== null && routeOf(location.hash).path !== '/') navigate('/')
  }, [flyTo])

  return (
    <div className="console">
      <TopBar
        theme={theme}
        sound={sound}
        notification={notification}
        onToggleTheme={onToggleTheme}
        onLogout={onLogout}
        onSkip={() => stage.current?.focus()}
      />
      <SosBanner alerts={sos} listed={path !== '/sos'} />
      <div className="banner-place">
        <ConnectionBanner />
      </div>
      <div className="console__page">
        <Navigation pages={pages} path={path} />
        <main className="stage" id="page" ref={stage} tabIndex={-1}>
          <PageFault key={path}>
            <Suspense fallback={null}>
              {shown === null ? (
                <PageFrame title="There is no such page">
                  <p>
                    <a href={href('/')}>Go to the map</a>
                  </p>
                </PageFrame>
              ) : (
                <shown.page.View parameters={shown.parameters} />
              )}
            </Suspense>
          </PageFault>
          <Notices />
        </main>
      </div>
    </div>
  )
}
