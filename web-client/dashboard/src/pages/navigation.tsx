import { Icon } from '../panels/icons.tsx'
import type { Page } from './pages.ts'
import { href } from './path.ts'

interface Props {
  readonly pages: readonly Page[]
  readonly path: string
}

/** Links, so that the keyboard, a screen reader and a second tab find them as anywhere else. Beside the page, below it on a phone. */
export function Navigation({ pages, path }: Props) {
  const shown = pages.filter(({ icon }) => icon !== null)
  if (shown.length < 2) return null
  return (
    <nav className="nav" aria-label="Pages">
      {shown.map(page => (
        <a
          key={page.path}
          className="nav__link"
          href={href(page.path)}
          aria-current={isWithin(page.path, path) ? 'page' : undefined}
        >
          <Icon name={page.icon!} />
          <span>{page.title}</span>
        </a>
      ))}
    </nav>
  )
}

/** `/admin/users` is a part of `/admin`; a device is looked at from the map. */
function isWithin(page: string, path: string): boolean {
  if (page === '/') return path === '/' || path.startsWith('/devices/')
  return path === page || path.startsWith(`${page}/`)
}
