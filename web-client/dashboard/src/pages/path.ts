/*
 * The page stands in the fragment, `/#/devices/truck-7`: no path of the dashboard can be one of the platform's own, such as
 * `/health`, and a page can be linked to wherever a proxy serves the dashboard from.
 */

export type RouteParameters = Readonly<Record<string, string>>

export interface Route {
  /** Begins with `/`. */
  readonly path: string
  readonly query: URLSearchParams
}

/** @param fragment `location.hash`; what names no page, also the code of a login link, is the front page */
export function routeOf(fragment: string): Route {
  const said = fragment.replace(/^#/, '')
  if (!said.startsWith('/')) return { path: '/', query: new URLSearchParams() }
  const [path = '/', query = ''] = said.split('?', 2)
  return { path: path.length > 1 ? path.replace(/\/+$/, '') || '/' : path, query: new URLSearchParams(query) }
}

/**
 * What stands in a path for the parts of a pattern that begin with a colon; null when the path is of another page.
 * @param pattern e.g. `/devices/:deviceId`
 */
export function matchPath(pattern: string, path: string): RouteParameters | null {
  const wanted = pattern.split('/')
  const parts = path.split('/')
  if (wanted.length !== parts.length) return null
  const parameters: Record<string, string> = {}
  for (const [i, part] of wanted.entries()) {
    const said = parts[i]!
    if (part.startsWith(':')) {
      const value = decoded(said)
      if (value === null || value === '') return null
      parameters[part.slice(1)] = value
    } else if (part !== said) return null
  }
  return parameters
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** The address of a page, for links: `href('/devices/:deviceId', { deviceId })`. Parameters of no part of the pattern go to the query. */
export function href(pattern: string, parameters: RouteParameters = {}): string {
  const query = new URLSearchParams(parameters)
  const path = pattern
    .split('/')
    .map(part => {
      if (!part.startsWith(':')) return part
      const name = part.slice(1)
      query.delete(name)
      return encodeURIComponent(parameters[name] ?? '')
    })
    .join('/')
  return `#${path}${query.size === 0 ? '' : `?${query}`}`
}
