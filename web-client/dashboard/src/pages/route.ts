import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { href, type Route, type RouteParameters, routeOf } from './path.ts'

export function navigate(pattern: string, parameters: RouteParameters = {}): void {
  location.hash = href(pattern, parameters)
}

const subscribe = (notify: () => void): (() => void) => {
  addEventListener('hashchange', notify)
  return () => removeEventListener('hashchange', notify)
}

export function useRoute(): Route {
  const fragment = useSyncExternalStore(subscribe, () => location.hash)
  return useMemo(() => routeOf(fragment), [fragment])
}

/** Runs when another page has been gone to; not for the first one. */
export function useOnPageChange(path: string, run: () => void): void {
  const before = useRef(path)
  useEffect(() => {
    if (before.current === path) return
    before.current = path
    run()
  })
}
