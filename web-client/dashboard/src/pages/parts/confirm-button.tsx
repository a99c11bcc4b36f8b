import { type ReactNode, useState } from 'react'
import { Dialog } from './dialog.tsx'
import { Failure } from './list-state.tsx'
import { useTask } from './use-task.ts'

interface Props {
  /** On the button, and on the one that confirms. */
  readonly label: string
  readonly title: string
  readonly children: ReactNode
  readonly small?: boolean
  /** @throws what is told in the dialog, which stays open */
  onConfirm(): Promise<void>
}

/** For what cannot be undone: asks before it is done. */
export function ConfirmButton({ label, title, children, small = true, onConfirm }: Props) {
  const [asking, setAsking] = useState(false)
  const task = useTask()
  const close = (): void => {
    setAsking(false)
    task.clear()
  }
  return (
    <>
      <button
        className={`button button--danger${small ? ' button--small' : ''}`}
        type="button"
        onClick={() => setAsking(true)}
      >
        {label}
      </button>
      {asking && (
        <Dialog title={title} onClose={close}>
          <div className="dialog__text">{children}</div>
          {task.error !== null && <Failure error={task.error} />}
          <div className="dialog__actions">
            <button className="button" type="button" onClick={close}>
              Cancel
            </button>
            <button
              className="button button--danger-fill"
              type="button"
              disabled={task.busy}
              onClick={async () => {
                if (await task.run(onConfirm)) setAsking(false)
              }}
            >
              {label}
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}
