import { createRoot } from 'react-dom/client'
import { createApi } from '../live/api.ts'
import { ClaimPage } from './claim-page.tsx'
import '../styles/tokens.css'
import '../styles/base.css'
import '../styles/claim.css'

const api = createApi(new URL('/api/v1', location.href).href, (url, init) => fetch(url, init))
const fromLink = decodeURIComponent(location.hash.slice(1)).slice(0, 64)
// The code leaves the address bar, and so the history, before anything else happens.
if (fromLink !== '') history.replaceState(null, '', location.pathname)
createRoot(document.getElementById('root')!).render(<ClaimPage api={api} codeFromLink={fromLink} />)
