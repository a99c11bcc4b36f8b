import { useNow } from '../hooks/use-now.ts'
import { useStore } from '../hooks/use-store.ts'
import type { Connection } from '../live/connection.ts'
import { remainingText } from './share-time.ts'
import type { Viewing } from './viewing.ts'

const TEXT = { connecting: 'Connecting…', online: 'Live', offline: 'Offline' } as const

/** Whether what is seen is live, and for how long the link still shows it. */
export function SharePill({ viewing }: { readonly viewing: Viewing }) {
  const { phase, shared } = useStore(viewing.store)
  const connection = useStore(viewing.connection)
  const nowMs = useNow(viewing.now)
  if (phase !== 'open' || shared === null || connection === null) return null
  const begins = shared.from - nowMs
  const left = begins > 0 ? `begins in ${remainingText(begins)}` : `${remainingText(shared.until - nowMs)} left`
  return <Pill connection={connection} left={left} />
}

function Pill({ connection, left }: { readonly connection: Connection; readonly left: string }) {
  const { phase } = useStore(connection.store)
  return (
    <span className="pill" data-phase={phase}>
      <i aria-hidden="true" />
      {TEXT[phase]} · {left}
    </span>
  )
}
