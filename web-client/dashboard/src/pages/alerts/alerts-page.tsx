import { useState } from 'react'
import { PageFrame } from '../page-frame.tsx'
import { Tabs } from '../parts/tabs.tsx'
import { EventList } from './event-list.tsx'
import { IncidentList } from './incident-list.tsx'
import './alerts-page.css'

const TABS = [
  ['incidents', 'Incidents'],
  ['events', 'All events'],
] as const

/** What somebody has to look after, and everything that was announced. */
export default function AlertsPage() {
  const [tab, setTab] = useState<(typeof TABS)[number][0]>('incidents')
  return (
    <PageFrame title="Alerts">
      <Tabs label="Alerts" tabs={TABS} chosen={tab} onChoose={setTab} />
      {tab === 'incidents' ? <IncidentList /> : <EventList />}
    </PageFrame>
  )
}
