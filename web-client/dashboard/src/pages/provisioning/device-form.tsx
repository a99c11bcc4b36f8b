import { type FormEvent, useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { ApiError } from '../../live/api.ts'
import { applyRegistered } from '../../live/devices.ts'
import { Dialog } from '../parts/dialog.tsx'
import { IdsField, idsOf, TextField } from '../parts/field.tsx'
import { Failure } from '../parts/list-state.tsx'
import { SecretOnce } from '../parts/secret-once.tsx'
import { useTask } from '../parts/use-task.ts'
import type { DeviceRecord } from './device-record.ts'

interface Props {
  /** Null for a new one. */
  readonly device: DeviceRecord | null
  onClose(): void
  onSaved(device: DeviceRecord): void
}

/** Registers a device, or changes its name and groups. The token of a new one is shown once. */
export function DeviceForm({ device, onClose, onSaved }: Props) {
  const { live } = useConsole()
  const [id, setId] = useState<string | undefined>(device?.id)
  const [name, setName] = useState<string | undefined>(device?.name ?? undefined)
  const [groups, setGroups] = useState(device?.groups.join(', ') ?? '')
  const [token, setToken] = useState<string | null>(null)
  const task = useTask()
  const path = task.error instanceof ApiError ? task.error.path : null
  const errorAt = (field: string): string | null => (path?.startsWith(field) ? (task.error?.message ?? null) : null)

  const saved = (record: DeviceRecord): void => {
    live.devices.set(known => applyRegistered(known, [{ id: record.id, name: record.name ?? undefined }]))
    onSaved(record)
  }
  const save = (event: FormEvent): void => {
    event.preventDefault()
    task.run(async () => {
      const body = { ...(name !== undefined || device !== null ? { name: name ?? '' } : {}), groups: idsOf(groups) }
      if (device !== null) {
        saved(await live.request(`/devices/${encodeURIComponent(device.id)}`, { method: 'PATCH', body }))
        return onClose()
      }
      const answer = await live.request<{ device: DeviceRecord; token: string }>('/devices', {
        method: 'POST',
        body: { id, ...body },
      })
      saved(answer.device)
      setToken(answer.token)
    })
  }

  if (token !== null) {
    return (
      <Dialog title={`Token of ${id}`} onClose={onClose}>
        <SecretOnce label="Put it into the device as the MQTT password." secret={token} />
        <p className="muted">
          Without a keyboard on the device, make a claim code instead: whoever installs it scans the QR code.
        </p>
        <div className="dialog__actions">
          <button className="button button--primary" type="button" onClick={onClose}>
            I have kept it
          </button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title={device === null ? 'New device' : `Device ${device.id}`} onClose={onClose}>
      <form className="form" onSubmit={save}>
        {device === null && (
          <TextField
            label="Id"
            hint="Letters, digits and . _ : -; it stays for ever."
            value={id}
            required
            maxLength={64}
            error={errorAt('/id')}
            onChange={setId}
          />
        )}
        <TextField label="Name" value={name} maxLength={200} error={errorAt('/name')} onChange={setName} />
        <IdsField
          label="Groups"
          hint="Parted by commas. Rules, fences and rights of a group count for its devices."
          value={groups}
          error={errorAt('/groups')}
          onChange={setGroups}
        />
        {task.error !== null && path === null && <Failure error={task.error} />}
        <div className="dialog__actions">
          <button className="button" type="button" onClick={onClose}>
            Cancel
          </button>
          <button className="button button--primary" type="submit" disabled={task.busy}>
            {device === null ? 'Register' : 'Save'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
