import { createRoot } from 'react-dom/client'
import { createApi } from '../live/api.ts'
import { openWorkerWire } from '../live/worker-wire.ts'
import { codeInFragment } from './opened-link.ts'
import { ShareApp } from './share-app.tsx'
import { startViewing } from './viewing.ts'
import '../styles/tokens.css'
import '../styles/base.css'
import '../styles/console.css'
import '../styles/share.css'

const { protocol, host, hash } = location
const viewing = startViewing({
  api: createApi(new URL('/api/v1', location.href).href, (url, init) => fetch(url, init)),
  code: codeInFragment(hash),
  mqttUrl: `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/mqtt`,
  clientId: `share-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`,
  openWire: openWorkerWire,
})
const retry = (): void => {
  if (document.visibilityState === 'visible') viewing.retryNow()
}
addEventListener('online', retry)
document.addEventListener('visibilitychange', retry)
// Another link pasted over this one.
addEventListener('hashchange', () => location.reload())
createRoot(document.getElementById('root')!).render(<ShareApp viewing={viewing} />)
