import type { ReactNode } from 'react'

interface Props {
  readonly title: string
  /** Beside the title. */
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A page that is read and scrolled, unlike the map. */
export function PageFrame({ title, actions, children }: Props) {
  return (
    <div className="page">
      <div className="page__body">
        <header className="page__head">
          <h2>{title}</h2>
          {actions !== undefined && <div className="page__actions">{actions}</div>}
        </header>
        {children}
      </div>
    </div>
  )
}
