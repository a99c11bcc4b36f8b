import { isId, isOrg, ROLES, type Role } from '../../../../contract/index.ts'

/** Who is logged in, and the tokens that prove it. Lives in one tab. */
export interface Session {
  readonly org: string
  readonly sub: string
  readonly role: Role
  readonly accessToken: string
  /** This browser's clock, milliseconds. */
  readonly expiresAtMs: number
  /**
   * Of the login that began it, kept by every renewal; missing for a session that came by link: that ends with its token.
   * The refresh token lies in a cookie of this name that no script can read. A browser that duplicates a tab copies its storage,
   * and a refresh token may be used by one tab only: by this name the copy finds that the session has an owner.
   */
  readonly name?: string
}

/** The answer of `login` and `refresh`. */
export interface TokenAnswer {
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  readonly user: { readonly sub: string; readonly org: string; readonly role: Role }
}

/** @param name see {@link Session.name} */
export function sessionOf(answer: TokenAnswer, nowMs: number, name?: string): Session {
  const { accessToken, expiresIn, user } = answer
  const { sub, org, role } = user
  const expiresAtMs = nowMs + expiresIn * 1_000
  return { org, sub, role, accessToken, expiresAtMs, ...(name === undefined ? {} : { name }) }
}

/** When to renew: after four fifths of the token's life, not later than 30 s before its end. Milliseconds from now. */
export function renewInMs(session: Session, nowMs: number): number {
  const left = session.expiresAtMs - nowMs
  return Math.max(1_000, Math.min(left * 0.8, left - 30_000))
}

export function mayAnswerSos(session: Session): boolean {
  return session.role === 'dispatcher' || session.role === 'admin'
}

/** What a one-click link brings: `#code=<one-time code>`, or `#token=<JWT>`; null when it is neither. */
export function linkInFragment(fragment: string): { readonly kind: 'code' | 'token'; readonly value: string } | null {
  const said = new URLSearchParams(fragment.replace(/^#/, ''))
  for (const kind of ['code', 'token'] as const) {
    const value = said.get(kind)
    if (value !== null && value !== '') return { kind, value }
  }
  return null
}

/**
 * Reads the claims of a token without verifying it: the platform does that, the dashboard only wants to know whose it is.
 * Null when it is no token of Trackwire.
 */
export function sessionOfToken(token: string): Session | null {
  const claims = readClaims(token)
  if (claims === null || !isOrg(claims.org) || !isId(claims.sub)) return null
  const role = ROLES.find(known => known === claims.role)
  if (role === undefined || typeof claims.exp !== 'number') return null
  const { org, sub, exp } = claims
  return { org, sub, role, accessToken: token, expiresAtMs: exp * 1_000 }
}

function readClaims(token: string): Record<string, unknown> | null {
  const [, body] = token.split('.')
  if (body === undefined) return null
  try {
    const bytes = Uint8Array.from(atob(body.replaceAll('-', '+').replaceAll('_', '/')), char => char.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof claims === 'object' ? (claims as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}

/** Where a session outlives a reload; the browser's `sessionStorage` fits. */
export interface SessionStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

const KEY = 'trackwire.session'

export function loadSession(storage: SessionStorage, nowMs: number): Session | null {
  try {
    const session = JSON.parse(storage.getItem(KEY) ?? 'null') as Session | null
    if (session === null || !isOrg(session.org) || !isId(session.sub)) return null
    return session.name === undefined && session.expiresAtMs <= nowMs ? null : session
  } catch {
    return null
  }
}

export function saveSession(storage: SessionStorage, session: Session | null): void {
  if (session === null) storage.removeItem(KEY)
  else storage.setItem(KEY, JSON.stringify(session))
}
