import { useCallback, useEffect, useRef, useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import type { Page } from '../../live/http-answers.ts'

export interface PagedList<Item> {
  /** Null until the first page has come. */
  readonly items: readonly Item[] | null
  readonly error: Error | null
  readonly loading: boolean
  /** Null when everything is there. */
  readonly more: (() => void) | null
  reload(): void
  /** Puts an item as it is now in the place of the one before; null takes it away. */
  replace(matches: (item: Item) => boolean, item: Item | null): void
}

const NOTHING = { items: null, next: null, error: null, loading: true } as const

/** A list of the platform, a page at a time. @param path behind `/api/v1`, with the filters in its query */
export function useList<Item>(path: string, limit = 50): PagedList<Item> {
  const { live } = useConsole()
  const [state, setState] = useState<{
    readonly items: readonly Item[] | null
    readonly next: string | null
    readonly error: Error | null
    readonly loading: boolean
  }>(NOTHING)
  /** What comes for an earlier question is not shown. */
  const question = useRef(0)

  const load = useCallback(
    async (cursor: string | null, before: readonly Item[]) => {
      const asked = ++question.current
      setState(state => ({ ...state, loading: true, error: null }))
      const query = `limit=${limit}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
      try {
        const page = await live.request<Page<Item>>(`${path}${path.includes('?') ? '&' : '?'}${query}`)
        if (asked !== question.current) return
        setState({ items: [...before, ...page.items], next: page.next, error: null, loading: false })
      } catch (error) {
        if (asked === question.current) setState(state => ({ ...state, error: error as Error, loading: false }))
      }
    },
    [live, path, limit],
  )

  useEffect(() => {
    setState(NOTHING)
    load(null, [])
    return () => {
      question.current += 1
    }
  }, [load])

  const { items, next, error, loading } = state
  return {
    items,
    error,
    loading,
    more: next === null || items === null ? null : () => load(next, items),
    reload: useCallback(() => void load(null, []), [load]),
    replace: useCallback((matches, item) => {
      setState(state => ({
        ...state,
        items: state.items?.flatMap(before => (matches(before) ? (item === null ? [] : [item]) : [before])) ?? null,
      }))
    }, []),
  }
}

/** A query of the filters that say something. */
export function queryOf(filters: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filters)) {
    if (value !== undefined && value !== '') query.set(name, String(value))
  }
  return query.size === 0 ? '' : `?${query}`
}
