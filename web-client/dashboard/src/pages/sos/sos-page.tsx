import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { useNow } from '../../hooks/use-now.ts'
import { useCalmStore, useStore } from '../../hooks/use-store.ts'
import { openAlerts } from '../../live/sos.ts'
import { useList } from '../parts/use-list.ts'
import { navigate, useRoute } from '../route.ts'
import { SosDetail } from './sos-detail.tsx'
import { SosList } from './sos-list.tsx'
import type { SosAlertView } from './sos-text.ts'
import '../parts/workbench.css'
import './sos-page.css'

/** The console of those who answer: nothing but SOS, however many other alerts arrive. */
export default function SosPage() {
  const { live } = useConsole()
  const nowMs = useNow(live.now)
  const state = useStore(live.sos)
  const open = useMemo(() => openAlerts(state), [state])
  const closed = useList<SosAlertView>('/sos?state=closed', 20)
  const devices = useCalmStore(live.devices, 1_000)
  const nameOf = useCallback((id: string): string => devices.get(id)?.name ?? id, [devices])
  const { query } = useRoute()
  const [chosen, setChosen] = useState<string | null>(null)
  const asked = query.get('id') ?? chosen
  // Without a choice the one that waits longest is at hand; on a phone the list comes first.
  const shown = asked ?? open[0]?.alertId ?? null

  const closedCount = state.closed.size
  const reloadClosed = closed.reload
  const countOfList = useRef(closedCount)
  useEffect(() => {
    // One that is closed moves into the other list.
    if (countOfList.current !== closedCount) reloadClosed()
    countOfList.current = closedCount
  }, [closedCount, reloadClosed])

  const choose = (alertId: string | null): void => {
    setChosen(alertId)
    if (query.has('id')) navigate('/sos')
  }
  return (
    <div className="workbench sos-page" data-chosen={asked !== null || undefined}>
      <section className="workbench__panel" aria-label="Alerts">
        <header className="workbench__head">
          <h2 tabIndex={-1}>SOS</h2>
          <span className="count">{open.length} open</span>
        </header>
        <SosList open={open} closed={closed} chosen={shown} nowMs={nowMs} nameOf={nameOf} onChoose={choose} />
      </section>
      <div className="sos-page__detail">
        {shown === null ? (
          <p className="list-empty">Nobody calls for help. A new SOS appears here at once.</p>
        ) : (
          <SosDetail
            alertId={shown}
            nowMs={nowMs}
            nameOf={nameOf}
            onBack={() => choose(null)}
            // What was answered stays in sight, also when it has left the list.
            onAnswered={() => setChosen(shown)}
          />
        )}
      </div>
    </div>
  )
}
