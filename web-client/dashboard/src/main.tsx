import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { createApi } from './live/api.ts'
import { createAuth } from './live/auth.ts'
import { linkInFragment } from './live/session.ts'
import { createClaim } from './live/tab-claim.ts'
import './styles/tokens.css'
import './styles/base.css'
import './styles/console.css'
import './styles/pages.css'
import './styles/device.css'
import './styles/panels.css'
import './styles/sos.css'
import './styles/unknown.css'

const api = createApi(new URL('/api/v1', location.href).href, (url, init) => fetch(url, init))
const claim = createClaim(navigator.locks as LockManager | undefined, name => new BroadcastChannel(name))
const newName = (): string => `trackwire.session.${crypto.getRandomValues(new Uint32Array(4)).join('-')}`
const auth = createAuth(api, sessionStorage, claim, newName)

/** A one-click link: what it brings leaves the address bar, and so the history, before anything else happens. */
function takeLink(): void {
  const link = linkInFragment(location.hash)
  if (link === null) return
  history.replaceState(null, '', location.pathname + location.search)
  if (link.kind === 'code') void auth.loginByCode(link.value)
  else auth.loginByToken(link.value)
}

takeLink()
addEventListener('hashchange', takeLink)
createRoot(document.getElementById('root')!).render(<App api={api} auth={auth} />)
