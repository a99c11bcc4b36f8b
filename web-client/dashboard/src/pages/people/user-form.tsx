import { type FormEvent, useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { ApiError } from '../../live/api.ts'
import { Dialog } from '../parts/dialog.tsx'
import { CheckField, IdsField, idsOf, SelectField, TextField } from '../parts/field.tsx'
import { Failure } from '../parts/list-state.tsx'
import { useTask } from '../parts/use-task.ts'
import { ACCOUNT_ROLES, type AccountRole, type User } from './user.ts'

interface Props {
  /** Null for a new one. */
  readonly user: User | null
  onClose(): void
  /** @param password the one that was made, if one was */
  onSaved(user: User, password: string | null): void
}

/** An account: who it is, what it may do and which devices it may see. */
export function UserForm({ user, onClose, onSaved }: Props) {
  const { live } = useConsole()
  const [id, setId] = useState<string | undefined>(user?.id)
  const [role, setRole] = useState<AccountRole>(user?.role ?? 'user')
  const [devices, setDevices] = useState(user?.devices.join(', ') ?? '')
  const [groups, setGroups] = useState(user?.groups.join(', ') ?? '')
  const [disabled, setDisabled] = useState(user?.disabled ?? false)
  const task = useTask()
  const path = task.error instanceof ApiError ? task.error.path : null
  const errorAt = (field: string): string | null => (path?.startsWith(field) ? (task.error?.message ?? null) : null)
  const seesAll = role === 'admin' || role === 'dispatcher'

  const save = (event: FormEvent): void => {
    event.preventDefault()
    task.run(async () => {
      const rights = { role, devices: idsOf(devices), groups: idsOf(groups) }
      if (user === null) {
        const answer = await live.request<{ user: User; password?: string }>('/users', {
          method: 'POST',
          body: { id, ...rights },
        })
        onSaved(answer.user, answer.password ?? null)
      } else {
        const body = { ...rights, disabled }
        onSaved(await live.request<User>(`/users/${encodeURIComponent(user.id)}`, { method: 'PATCH', body }), null)
      }
    })
  }

  return (
    <Dialog title={user === null ? 'New user' : `User ${user.id}`} onClose={onClose}>
      <form className="form" onSubmit={save}>
        {user === null && (
          <TextField
            label="Name to log in with"
            value={id}
            required
            maxLength={64}
            error={errorAt('/id')}
            onChange={setId}
          />
        )}
        <SelectField label="Role" value={role} options={ACCOUNT_ROLES} onChange={setRole} />
        {seesAll ? (
          <p className="entry__hint">This role sees every device of the organisation.</p>
        ) : (
          <>
            <IdsField
              label="Devices"
              hint="Ids parted by commas, which it may see."
              value={devices}
              error={errorAt('/devices')}
              onChange={setDevices}
            />
            <IdsField
              label="Groups"
              hint="All devices of these groups, also later ones."
              value={groups}
              error={errorAt('/groups')}
              onChange={setGroups}
            />
          </>
        )}
        {user !== null && (
          <CheckField
            label="Disabled"
            hint="It cannot log in, and its live connections end within a second."
            checked={disabled}
            onChange={setDisabled}
          />
        )}
        {task.error !== null && path === null && <Failure error={task.error} />}
        <div className="dialog__actions">
          <button className="button" type="button" onClick={onClose}>
            Cancel
          </button>
          <button className="button button--primary" type="submit" disabled={task.busy}>
            {user === null ? 'Create' : 'Save'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
