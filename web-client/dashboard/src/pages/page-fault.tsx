import { Component, type ReactNode } from 'react'
import { PageFrame } from './page-frame.tsx'

interface State {
  readonly fault: Error | null
}

/** A page that fails takes neither the navigation nor an open SOS with it. Its key is the path: another page begins anew. */
export class PageFault extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { fault: null }

  static getDerivedStateFromError(fault: Error): State {
    return { fault }
  }

  override render(): ReactNode {
    const { fault } = this.state
    if (fault === null) return this.props.children
    return (
      <PageFrame title="This page cannot be shown">
        <p role="alert">{fault.message}</p>
        <p className="muted">After an update of the platform a reload brings the page that belongs to it.</p>
        <p>
          <button className="button" type="button" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
      </PageFrame>
    )
  }
}
