import { useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { useNow } from '../../hooks/use-now.ts'
import { agoText } from '../../live/time-text.ts'
import { UnknownDeviceList } from '../../panels/unknown-devices.tsx'
import { PageFrame } from '../page-frame.tsx'
import { TextField } from '../parts/field.tsx'
import { ListState } from '../parts/list-state.tsx'
import { useList } from '../parts/use-list.ts'
import { href } from '../path.ts'
import { ClaimCodes } from './claim-codes.tsx'
import { DeviceForm } from './device-form.tsx'
import { DeviceImport } from './device-import.tsx'
import type { DeviceRecord } from './device-record.ts'
import './provisioning-page.css'

/** Enough to search in; larger fleets are searched on the map. */
const PAGE = 500

/** The devices of the organisation: their names and groups, and how they get their credentials. */
export default function ProvisioningPage() {
  const { live } = useConsole()
  const nowMs = useNow(live.now, 10_000)
  const list = useList<DeviceRecord>('/devices', PAGE)
  const [search, setSearch] = useState('')
  const [editing, setEditing] = useState<DeviceRecord | 'new' | null>(null)
  const [claiming, setClaiming] = useState<string | null>(null)
  const [importing, setImporting] = useState(false)
  const wanted = search.trim().toLowerCase()
  const shown =
    list.items?.filter(({ id, name, groups }) =>
      `${id} ${name ?? ''} ${groups.join(' ')}`.toLowerCase().includes(wanted),
    ) ?? []

  return (
    <PageFrame
      title="Devices"
      actions={
        <>
          <button className="button" type="button" onClick={() => setImporting(true)}>
            Import CSV…
          </button>
          <button className="button button--primary" type="button" onClick={() => setEditing('new')}>
            New device
          </button>
        </>
      }
    >
      <UnknownDeviceList />
      <TextField
        label="Search by id, name or group"
        type="search"
        value={search}
        onChange={value => setSearch(value ?? '')}
      />
      <div className="box">
        {shown.length > 0 && (
          <table className="table table--cards">
            <thead>
              <tr>
                <th scope="col">Device</th>
                <th scope="col">Name</th>
                <th scope="col">Groups</th>
                <th scope="col">Last fix</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map(device => (
                <tr key={device.id}>
                  <th scope="row">
                    <a href={href('/devices/:deviceId', { deviceId: device.id })}>{device.id}</a>
                  </th>
                  <td data-label="Name">{device.name ?? '–'}</td>
                  <td data-label="Groups">{device.groups.join(', ') || '–'}</td>
                  <td data-label="Last fix">
                    {device.last === null ? 'never' : agoText(nowMs - device.last.timestamp)}
                  </td>
                  <td className="cell-actions">
                    <button className="button button--small" type="button" onClick={() => setClaiming(device.id)}>
                      Claim code
                    </button>{' '}
                    <button className="button button--small" type="button" onClick={() => setEditing(device)}>
                      Edit
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {shown.length === 0 && (list.items?.length ?? 0) > 0 && (
          <p className="list-empty">No device fits, of those that are loaded.</p>
        )}
        <ListState list={list} empty="No device is registered. Register one, or import a list." />
      </div>
      {editing !== null && (
        <DeviceForm
          device={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={device => {
            if (editing === 'new') list.reload()
            else list.replace(({ id }) => id === device.id, device)
          }}
        />
      )}
      {claiming !== null && <ClaimCodes deviceId={claiming} onClose={() => setClaiming(null)} />}
      {importing && <DeviceImport onClose={() => setImporting(false)} onImported={list.reload} />}
    </PageFrame>
  )
}
