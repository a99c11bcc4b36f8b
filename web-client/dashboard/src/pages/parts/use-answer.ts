import { useCallback, useEffect, useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'

export interface Answer<Data> {
  /** Null until the platform has answered; the last one stays while the next is on its way. */
  readonly data: Data | null
  readonly error: Error | null
  readonly loading: boolean
  reload(): void
}

/**
 * What the platform answers to a GET, asked again when the path changes.
 * @param path behind `/api/v1`; null = nothing is asked
 * @param again another value asks again, without a word of loading
 */
export function useAnswer<Data>(path: string | null, again: unknown = null): Answer<Data> {
  const { live } = useConsole()
  const [state, setState] = useState<Omit<Answer<Data>, 'reload'> & { readonly path: string | null }>({
    path,
    data: null,
    error: null,
    loading: path !== null,
  })
  const [asked, setAsked] = useState(0)

  // biome-ignore lint/correctness/useExhaustiveDependencies: `asked` and `again` ask again
  useEffect(() => {
    if (path === null) return
    let wanted = true
    setState(before =>
      before.path === path ? { ...before, loading: true } : { path, data: null, error: null, loading: true },
    )
    live.request<Data>(path).then(
      data => wanted && setState({ path, data, error: null, loading: false }),
      (error: Error) => wanted && setState(before => ({ ...before, error, loading: false })),
    )
    return () => {
      wanted = false
    }
  }, [live, path, asked, again])

  const reload = useCallback(() => setAsked(count => count + 1), [])
  return { ...state, reload }
}
