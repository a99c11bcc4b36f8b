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

/** As the routes of the API have it: whoever the platform would refuse does not see the page. */
const ADMINS: readonly Role[] = ['admin']
const DISPATCHERS: readonly Role[] = ['dispatcher', 'admin']
const PEOPLE: readonly Role[] = ['driver', 'user', 'dispatcher', 'admin']
const ALERT_READERS: readonly Role[] = [...PEOPLE, 'service']

/** Every page, one line each, in the order of the navigation. A page is loaded when it is first gone to. */
export const PAGES: readonly Page[] = [
  page('/', 'Map', 'map', () => import('./map-page.tsx')),
  page('/sos', 'SOS', 'alarm', () => import('./sos/sos-page.tsx'), ALERT_READERS),
  page('/alerts', 'Alerts', 'bell', () => import('./alerts/alerts-page.tsx'), ALERT_READERS),
  page('/fences', 'Fences', 'fence', () => import('./fences/fences-page.tsx'), DISPATCHERS),
  page('/provisioning', 'Devices', 'device', () => import('./provisioning/provisioning-page.tsx'), ADMINS),
  page('/people', 'People', 'people', () => import('./people/people-page.tsx'), ADMINS),
  page('/sharing', 'Sharing', 'link', () => import('./sharing/sharing-page.tsx'), PEOPLE),
  page('/audit', 'Audit', 'list', () => import('./audit/audit-page.tsx'), ADMINS),
  page('/health', 'Health', 'pulse', () => import('./health/health-page.tsx'), DISPATCHERS),
  page('/devices/:deviceId', 'Device', null, () => import('./device-page.tsx')),
]

export const pagesFor = (role: Role): readonly Page[] =>
  PAGES.filter(({ roles }) => roles === undefined || roles.includes(role))
