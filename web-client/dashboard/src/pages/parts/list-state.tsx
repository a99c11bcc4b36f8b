import type { ReactNode } from 'react'
import './parts.css'

interface Props {
  readonly list: {
    readonly items: readonly unknown[] | null
    readonly error: Error | null
    readonly loading: boolean
    readonly more: (() => void) | null
    reload(): void
  }
  /** What is said when there is nothing. */
  readonly empty: ReactNode
}

/** Below a list: that it is loading, is empty, could not be loaded, or goes on. */
export function ListState({ list, empty }: Props) {
  const { items, error, loading, more, reload } = list
  if (error !== null) return <Failure error={error} onRetry={reload} />
  if (loading && items === null) return <Loading />
  if (items?.length === 0) return <div className="list-empty">{empty}</div>
  if (more === null) return null
  return (
    <div className="list-more">
      <button className="button" type="button" disabled={loading} onClick={more}>
        {loading ? 'Loading…' : 'Show more'}
      </button>
    </div>
  )
}

export function Loading() {
  return (
    <p className="loading" role="status">
      Loading…
    </p>
  )
}

export function Failure({ error, onRetry }: { readonly error: Error | string; onRetry?(): void }) {
  return (
    <div className="failure" role="alert">
      <span>{typeof error === 'string' ? error : error.message}</span>
      {onRetry !== undefined && (
        <button className="button button--small" type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}
