import { useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { absoluteTime } from '../../live/time-text.ts'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { CheckField, SelectField } from '../parts/field.tsx'
import { Failure, ListState } from '../parts/list-state.tsx'
import { SecretOnce } from '../parts/secret-once.tsx'
import { useList } from '../parts/use-list.ts'
import { useTask } from '../parts/use-task.ts'

const LIFETIMES = [
  ['3600', 'an hour'],
  ['86400', 'a day'],
  ['604800', 'a week'],
  ['7776000', '90 days'],
] as const

interface ShownCode {
  readonly code: string
  readonly url: string
  readonly expiresAt: number
  /** Of the platform itself. */
  readonly qrSvg: string
}

interface ListedCode {
  readonly id: number
  readonly state: 'open' | 'claimed' | 'cancelled' | 'expired'
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly claimedAt: number | null
  readonly claimedFrom: string | null
}

/** Codes that whoever installs the device swaps for its credentials, once. */
export function ClaimCodes({ deviceId, onClose }: { readonly deviceId: string; onClose(): void }) {
  const { live } = useConsole()
  const path = `/devices/${encodeURIComponent(deviceId)}/claim-codes`
  const list = useList<ListedCode>(path, 10)
  const [lifetime, setLifetime] = useState<(typeof LIFETIMES)[number][0]>('86400')
  const [revokeEarlier, setRevokeEarlier] = useState(false)
  const [shown, setShown] = useState<ShownCode | null>(null)
  const task = useTask()

  const make = (): Promise<boolean> =>
    task.run(async () => {
      const body = { expiresInSeconds: Number(lifetime), revokeEarlier }
      setShown(await live.request<ShownCode>(path, { method: 'POST', body }))
      list.reload()
    })

  return (
    <Dialog title={`Claim codes of ${deviceId}`} onClose={onClose} wide>
      {shown === null ? (
        <>
          <SelectField label="Good for" value={lifetime} options={LIFETIMES} onChange={setLifetime} />
          <CheckField
            label="End every token that the device had before"
            hint="When the code is used; for a device that was lost or changed hands."
            checked={revokeEarlier}
            onChange={setRevokeEarlier}
          />
          {task.error !== null && <Failure error={task.error} />}
          <div className="dialog__actions">
            <button className="button button--primary" type="button" disabled={task.busy} onClick={make}>
              Make a code
            </button>
          </div>
        </>
      ) : (
        <div className="claim">
          <img
            className="claim__qr"
            src={`data:image/svg+xml,${encodeURIComponent(shown.qrSvg)}`}
            alt={`QR code of ${shown.url}`}
          />
          <div className="form">
            <SecretOnce label="Code." secret={shown.code} />
            <SecretOnce label="Or this address." secret={shown.url} />
            <p className="muted">Good until {absoluteTime(shown.expiresAt)}, once.</p>
            <div className="form__buttons">
              <button className="button" type="button" onClick={() => setShown(null)}>
                Another one
              </button>
            </div>
          </div>
        </div>
      )}
      {list.items !== null && list.items.length > 0 && (
        <table className="table table--cards">
          <thead>
            <tr>
              <th scope="col">Made</th>
              <th scope="col">By</th>
              <th scope="col">State</th>
              <th scope="col">
                <span className="hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.items.map(code => (
              <tr key={code.id}>
                <td>{absoluteTime(code.createdAt)}</td>
                <td data-label="By">{code.createdBy}</td>
                <td data-label="State">
                  {code.state}
                  {code.claimedAt !== null && ` ${absoluteTime(code.claimedAt)} from ${code.claimedFrom ?? 'unknown'}`}
                </td>
                <td className="cell-actions">
                  {code.state === 'open' && (
                    <ConfirmButton
                      label="Cancel"
                      title="Cancel this code?"
                      onConfirm={async () => {
                        await live.request(`${path}/${code.id}`, { method: 'DELETE' })
                        list.reload()
                      }}
                    >
                      <p>Whoever has it cannot use it any more.</p>
                    </ConfirmButton>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <ListState list={list} empty="No code was made for it yet." />
    </Dialog>
  )
}
