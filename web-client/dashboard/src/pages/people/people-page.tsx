import { useState } from 'react'
import { PageFrame } from '../page-frame.tsx'
import { Tabs } from '../parts/tabs.tsx'
import { GroupList } from './group-list.tsx'
import { RoleTable } from './role-table.tsx'
import { UserList } from './user-list.tsx'

const TABS = [
  ['users', 'Users'],
  ['groups', 'Groups'],
  ['roles', 'Roles'],
] as const

/** Who may log in, what they may see, and what each role may do. */
export default function PeoplePage() {
  const [tab, setTab] = useState<(typeof TABS)[number][0]>('users')
  return (
    <PageFrame title="People">
      <Tabs label="People" tabs={TABS} chosen={tab} onChoose={setTab} />
      {tab === 'users' && <UserList />}
      {tab === 'groups' && <GroupList />}
      {tab === 'roles' && <RoleTable />}
    </PageFrame>
  )
}
