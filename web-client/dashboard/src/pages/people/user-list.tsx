import { useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { absoluteTime } from '../../live/time-text.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { ListState } from '../parts/list-state.tsx'
import { SecretOnce } from '../parts/secret-once.tsx'
import { useList } from '../parts/use-list.ts'
import type { User } from './user.ts'
import { UserForm } from './user-form.tsx'

const MOST_NAMED = 6

/** Who may log in, with which rights. */
export function UserList() {
  const { live } = useConsole()
  const list = useList<User>('/users')
  const [editing, setEditing] = useState<User | 'new' | null>(null)
  const [made, setMade] = useState<{ readonly id: string; readonly password: string } | null>(null)
  const isSelf = ({ id }: User): boolean => id === live.session.sub
  const pathOf = ({ id }: User): string => `/users/${encodeURIComponent(id)}`
  return (
    <>
      <div className="form__buttons">
        <button className="button button--primary" type="button" onClick={() => setEditing('new')}>
          New user
        </button>
      </div>
      <div className="box">
        {list.items !== null && list.items.length > 0 && (
          <table className="table table--cards">
            <thead>
              <tr>
                <th scope="col">User</th>
                <th scope="col">Role</th>
                <th scope="col">May see</th>
                <th scope="col">Since</th>
                <th scope="col">
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.items.map(user => (
                <tr key={user.id}>
                  <th scope="row">
                    {user.id} {isSelf(user) && <span className="tag">you</span>}{' '}
                    {user.disabled && (
                      <span className="tag" data-tone="warn">
                        disabled
                      </span>
                    )}
                  </th>
                  <td data-label="Role">{user.role}</td>
                  <td data-label="May see">{sightOf(user)}</td>
                  <td data-label="Since">{absoluteTime(user.createdAt)}</td>
                  <td className="cell-actions">
                    <button className="button button--small" type="button" onClick={() => setEditing(user)}>
                      Edit
                    </button>{' '}
                    <ConfirmButton
                      label="New password"
                      title={`A new password for ${user.id}?`}
                      onConfirm={async () => {
                        const { password } = await live.request<{ password: string }>(
                          `${pathOf(user)}/password-reset`,
                          { method: 'POST' },
                        )
                        setMade({ id: user.id, password })
                      }}
                    >
                      <p>The one before ends, and with it every log-in of {user.id}.</p>
                    </ConfirmButton>{' '}
                    {!isSelf(user) && (
                      <ConfirmButton
                        label="Delete"
                        title={`Delete ${user.id}?`}
                        onConfirm={async () => {
                          await live.request(pathOf(user), { method: 'DELETE' })
                          list.replace(({ id }) => id === user.id, null)
                        }}
                      >
                        <p>Its tokens and live connections end at once. This cannot be undone.</p>
                      </ConfirmButton>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <ListState list={list} empty="There is no account yet." />
      </div>
      {editing !== null && (
        <UserForm
          user={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={(user, password) => {
            setEditing(null)
            if (password !== null) setMade({ id: user.id, password })
            if (editing === 'new') list.reload()
            else list.replace(({ id }) => id === user.id, user)
          }}
        />
      )}
      {made !== null && (
        <Dialog title={`Password of ${made.id}`} onClose={() => setMade(null)}>
          <SecretOnce label="Password." secret={made.password} />
          <div className="dialog__actions">
            <button className="button button--primary" type="button" onClick={() => setMade(null)}>
              I have kept it
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}

function sightOf({ role, devices, groups }: User): string {
  if (role === 'admin' || role === 'dispatcher' || role === 'service') return 'every device'
  const named = [...groups.map(group => `group ${group}`), ...devices]
  if (named.length === 0) return 'nothing yet'
  const more = named.length - MOST_NAMED
  return `${named.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
