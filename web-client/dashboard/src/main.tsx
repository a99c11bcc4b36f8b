import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { createApi } from './live/api.ts'
import { createAuth } from './live/auth.ts'
import { tokenInFragment } from './live/session.ts'
import './styles/tokens.css'
import './styles/base.css'
import './styles/console.css'
import './styles/panels.css'
import './styles/sos.css'

const api = createApi(new URL('/api/v1', location.href).href, (url, init) => fetch(url, init))
const auth = createAuth(api, sessionStorage)

/** A one-click link: its token leaves the address bar, and so the history, before anything else happens. */
function takeLinkToken(): void {
  const token = tokenInFragment(location.hash)
  if (token === null) return
  history.replaceState(null, '', location.pathname + location.search)
  auth.loginByToken(token)
}

takeLinkToken()
addEventListener('hashchange', takeLinkToken)
createRoot(document.getElementById('root')!).render(<App api={api} auth={auth} />)
