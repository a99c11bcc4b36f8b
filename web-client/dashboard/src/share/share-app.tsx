import { lazy, Suspense, useEffect } from 'react'
import { useStore } from '../hooks/use-store.ts'
import { useTheme } from '../hooks/use-theme.ts'
import { BrandMark, Icon } from '../panels/icons.tsx'
import { SharePill } from './share-pill.tsx'
import type { Viewing } from './viewing.ts'

/** The map library comes with it: whoever has a link that ended does not wait for that. */
const ShareMap = lazy(() => import('./share-map.tsx'))

const TITLE = 'Shared position'
const HEADLINES = {
  opening: 'Opening…',
  waiting: 'The server does not answer',
  ended: 'Sharing has ended',
  wrong: 'Nothing is shared here',
}

export function ShareApp({ viewing }: { readonly viewing: Viewing }) {
  const { phase, reason, shared } = useStore(viewing.store)
  const { theme, toggle } = useTheme()
  const themeLabel = theme === 'dark' ? 'Light colours' : 'Dark colours'
  const title = shared?.label ?? TITLE
  useEffect(() => {
    document.title = phase === 'open' ? title : `${HEADLINES[phase]} · ${TITLE}`
  }, [phase, title])
  return (
    <div className="console share">
      <header className="top">
        <h1 className="share__title">
          <BrandMark />
          <span>{title}</span>
        </h1>
        <span className="top__gap" />
        <SharePill viewing={viewing} />
        <button className="icon-button" type="button" aria-label={themeLabel} title={themeLabel} onClick={toggle}>
          {theme === 'dark' ? <Icon name="sun" /> : <Icon name="moon" />}
        </button>
      </header>
      <main className="stage">
        {phase === 'open' && shared !== null ? (
          <Suspense fallback={null}>
            <ShareMap viewing={viewing} shared={shared} theme={theme} />
          </Suspense>
        ) : (
          <div className="share__message" role="status">
            <h2>{phase === 'open' ? TITLE : HEADLINES[phase]}</h2>
            {reason !== null && <p>{reason}</p>}
            {phase === 'ended' && (
              <p className="muted">No position is shown any more. Ask for a new link if you need one.</p>
            )}
            {phase === 'waiting' && (
              <button className="button button--small" type="button" onClick={viewing.retryNow}>
                Try now
              </button>
            )}
          </div>
        )}
      </main>
    </div>
  )
}
