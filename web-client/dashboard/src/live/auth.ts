import { type Api, ApiError, isTransient } from './api.ts'
import { backoffMs } from './backoff.ts'
import {
  loadSession,
  renewInMs,
  type Session,
  type SessionStorage,
  saveSession,
  sessionOf,
  sessionOfToken,
  type TokenAnswer,
} from './session.ts'
import { createStore, type Store } from './store.ts'

export interface AuthState {
  readonly session: Session | null
  /** Why there is no session, in a sentence for the login form; null when the user left or never came. */
  readonly reason: string | null
  /** It is being found out whether the stored session is this tab's own. */
  readonly checking: boolean
}

export interface Auth {
  readonly store: Store<AuthState>
  /** @throws ApiError `credentials_wrong`, or status 0 when the server is away */
  login(username: string, password: string): Promise<void>
  loginByToken(token: string): void
  /** Swaps the one-time code of a link for a token; why it could not is told in the store. */
  loginByCode(code: string): Promise<void>
  logout(): void
  /** A token that is valid now, renewed when it must be. @throws ApiError 401 when the session has ended */
  accessToken(): Promise<string>
  /** A token for an MQTT connection. @throws ApiError */
  socketToken(): Promise<string>
  /** The platform refused the token: renew it, or end the session when that is refused too. */
  refused(): Promise<void>
  close(): void
}

/** Holds a name for as long as the page lives. Resolves with false when another page holds it. */
export type Claim = (name: string) => Promise<boolean>

const EXPIRED = 'Your session has expired. Log in again.'
const COPIED = 'This tab is a copy of one that is logged in. Log in here too, or go on in the other one.'
const LINK_EXPIRED = 'The link you came by has expired, or was used before. Log in, or ask for a new one.'

/**
 * Holds the session of this tab and renews it before it expires.
 * @param claim tells whether a stored session is this tab's own, or was copied with the tab
 * @param newName makes a name that no other session has
 */
export function createAuth(api: Api, storage: SessionStorage, claim: Claim, newName: () => string): Auth {
  const stored = loadSession(storage, Date.now())
  const claimed = stored?.name !== undefined
  const store = createStore<AuthState>({ session: claimed ? null : stored, reason: null, checking: claimed })
  let timer: ReturnType<typeof setTimeout> | undefined
  let renewing: Promise<Session> | null = null
  let failures = 0

  const setSession = (session: Session | null, reason: string | null): void => {
    saveSession(storage, session)
    clearTimeout(timer)
    store.set({ session, reason, checking: false })
    if (session !== null) schedule(session)
  }

  const schedule = (session: Session): void => {
    const inMs = session.name === undefined ? session.expiresAtMs - Date.now() : renewInMs(session, Date.now())
    // A longer timeout would overflow to zero.
    timer = setTimeout(onTimer, Math.min(inMs, 2 ** 31 - 1))
  }

  const onTimer = (): void => {
    const { session } = store.get()
    if (session === null) return
    if (session.name === undefined) {
      if (session.expiresAtMs <= Date.now()) setSession(null, LINK_EXPIRED)
      else schedule(session)
      return
    }
    renew(session).catch(() => {
      // Away, not refused: the session stays, and the next try comes.
      if (store.get().session === session) timer = setTimeout(onTimer, backoffMs(failures, Math.random()))
    })
  }

  /** One renewal at a time: a refresh token used twice would revoke the whole family. */
  const renew = (session: Session): Promise<Session> => {
    renewing ??= (async () => {
      try {
        const answer = await api.request<TokenAnswer>('/auth/refresh', {
          method: 'POST',
          body: { session: session.name },
          // A page that goes meanwhile must not lose the cookie of the answer: the token that was sent is used up.
          keepalive: true,
        })
        failures = 0
        const next = sessionOf(answer, Date.now(), session.name)
        setSession(next, null)
        return next
      } catch (error) {
        failures += 1
        if (!isTransient(error)) setSession(null, EXPIRED)
        throw error
      } finally {
        renewing = null
      }
    })()
    return renewing
  }

  const current = (): Session => {
    const { session } = store.get()
    if (session === null) throw new ApiError(401, 'token_missing', EXPIRED)
    return session
  }

  const accessToken = async (): Promise<string> => {
    const session = current()
    if (session.expiresAtMs > Date.now() + 5_000) return session.accessToken
    if (session.name !== undefined) return (await renew(session)).accessToken
    setSession(null, LINK_EXPIRED)
    throw new ApiError(401, 'token_expired', LINK_EXPIRED)
  }

  if (stored !== null && claimed) {
    claim(stored.name!).then(own => {
      // Someone who came by a link meanwhile has a session already.
      if (store.get().checking) setSession(own ? stored : null, own ? null : COPIED)
    })
  } else if (stored !== null) schedule(stored)

  return {
    store,
    accessToken,
    async login(username, password) {
      const name = newName()
      const answer = await api.request<TokenAnswer>('/auth/login', {
        method: 'POST',
        body: { username, password, session: name },
      })
      setSession(sessionOf(answer, Date.now(), name), null)
      await claim(name)
    },
    loginByToken(token) {
      const linked = sessionOfToken(token)
      if (linked === null) setSession(null, 'The link you came by holds no valid token. Log in, or ask for a new one.')
      else if (linked.expiresAtMs <= Date.now()) setSession(null, LINK_EXPIRED)
      else setSession(linked, null)
    },
    async loginByCode(code) {
      setSession(null, null)
      try {
        const { accessToken: token } = await api.request<{ accessToken: string }>('/auth/code', {
          method: 'POST',
          body: { code },
        })
        setSession(sessionOfToken(token), null)
      } catch (error) {
        setSession(null, isTransient(error) ? (error as Error).message : LINK_EXPIRED)
      }
    },
    logout() {
      const { session } = store.get()
      setSession(null, null)
      if (session?.name === undefined) return
      const { accessToken: token, name } = session
      // The session of this tab is over either way; the server forgets it when it hears of it.
      api
        .request('/auth/logout', { method: 'POST', token, body: { session: name }, keepalive: true })
        .catch(() => undefined)
    },
    async socketToken() {
      const token = await accessToken()
      if (current().name === undefined) return token
      const answer = await api.request<{ token: string }>('/auth/socket-token', { method: 'POST', token, body: {} })
      return answer.token
    },
    async refused() {
      const { session } = store.get()
      if (session === null) return
      if (session.name === undefined) setSession(null, LINK_EXPIRED)
      else await renew(session).catch(() => undefined)
    },
    close() {
      clearTimeout(timer)
    },
  }
}
