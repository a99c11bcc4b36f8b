import { type ComponentType, type LazyExoticComponent, lazy } from 'react'
import type { Role } from '../../../../contract/index.ts'
import type { IconName } from '../panels/icons.tsx'
import type { RouteParameters } from './path.ts'

export interface PageProps {
  /** What the path says for the parts of the pattern that begin with a colon. */
  readonly parameters: RouteParameters
}

export interface Page {
  /** E.g. `/devices/:deviceId`. */
  readonly path: string
  /** Of the tab, and of the link in the navigation. */
  readonly title: string
  /** Pages without an icon are not in the navigation: they are reached from others. */
  readonly icon: IconName | null
  /** Whom the platform lets do what the page offers; everyone without it. */
  readonly roles?: readonly Role[]
  readonly View: LazyExoticComponent<ComponentType<PageProps>>
}

type Load = () => Promise<{ readonly default: ComponentType<PageProps> }>

const page = (path: string, title: string, icon: IconName | null, load: Load, roles?: readonly Role[]): Page => ({
  path,
  title,
  icon,
  View: lazy(load),
  ...(roles === undefined ? {} : { roles }),
})

/** Every page, one line each, in the order of the navigation. A page is loaded when it is first gone to. */
export const PAGES: readonly Page[] = [
  page('/', 'Map', 'map', () => import('./map-page.tsx')),
  page('/devices/:deviceId', 'Device', null, () => import('./device-page.tsx')),
]

export const pagesFor = (role: Role): readonly Page[] =>
  PAGES.filter(({ roles }) => roles === undefined || roles.includes(role))
