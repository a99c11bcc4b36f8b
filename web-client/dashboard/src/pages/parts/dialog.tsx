import { type ReactNode, useEffect, useId, useRef } from 'react'
import { Icon } from '../../panels/icons.tsx'
import './parts.css'

interface Props {
  readonly title: string
  onClose(): void
  readonly wide?: boolean
  readonly children: ReactNode
}

/** A window over the page: the browser keeps the focus in it, and Esc closes it. It stands while its component does. */
export function Dialog({ title, onClose, wide = false, children }: Props) {
  const element = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const dialog = element.current!
    if (!dialog.open) dialog.showModal()
    return () => dialog.close()
  }, [])
  return (
    <dialog
      className="dialog"
      data-wide={wide || undefined}
      ref={element}
      aria-labelledby={heading}
      onCancel={event => {
        event.preventDefault()
        onClose()
      }}
      // The map's keys stay quiet meanwhile.
      onKeyDown={event => event.stopPropagation()}
    >
      <header className="dialog__head">
        <h3 id={heading}>{title}</h3>
        <button className="icon-button" type="button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="dialog__body">{children}</div>
    </dialog>
  )
}
