import type { ReactNode } from 'react'

interface Props {
  readonly title: string
  /** Beside the title. */
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A page that is read and scrolled, unlike the map. Its heading takes the focus when it is gone to. */
export function PageFrame({ title, actions, children }: Props) {
  return (
    <div className="page">
      <div className="page__body">
        <header className="page__head">
          <h2 tabIndex={-1}>{title}</h2>
          {actions !== undefined && <div className="page__actions">{actions}</div>}
        </header>
        {children}
      </div>
    </div>
  )
}
