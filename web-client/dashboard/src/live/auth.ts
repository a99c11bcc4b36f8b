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
}

export interface Auth {
  readonly store: Store<AuthState>
  /** @throws ApiError `credentials_wrong`, or status 0 when the server is away */
  login(username: string, password: string): Promise<void>
  loginByToken(token: string): void
  logout(): void
  /** A token that is valid now, renewed when it must be. @throws ApiError 401 when the session has ended */
  accessToken(): Promise<string>
  /** A token for an MQTT connection. @throws ApiError */
  socketToken(): Promise<string>
  /** The platform refused the token: renew it, or end the session when that is refused too. */
  refused(): Promise<void>
  close(): void
}

const EXPIRED = 'Your session has expired. Log in again.'
const LINK_EXPIRED = 'The link you came by has expired. Log in, or ask for a new one.'

/** Holds the session of this tab and renews it before it expires. */
export function createAuth(api: Api, storage: SessionStorage): Auth {
  const store = createStore<AuthState>({ session: loadSession(storage, Date.now()), reason: null })
  let timer: ReturnType<typeof setTimeout> | undefined
  let renewing: Promise<Session> | null = null
  let failures = 0

  const setSession = (session: Session | null, reason: string | null): void => {
    saveSession(storage, session)
    clearTimeout(timer)
    store.set({ session, reason })
    if (session !== null) schedule(session)
  }

  const schedule = (session: Session): void => {
    const inMs = session.refreshToken === null ? session.expiresAtMs - Date.now() : renewInMs(session, Date.now())
    // A longer timeout would overflow to zero.
    timer = setTimeout(onTimer, Math.min(inMs, 2 ** 31 - 1))
  }

  const onTimer = (): void => {
    const { session } = store.get()
    if (session === null) return
    if (session.refreshToken === null) {
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
          body: { refreshToken: session.refreshToken },
        })
        failures = 0
        const next = sessionOf(answer, Date.now())
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
    if (session.refreshToken !== null) return (await renew(session)).accessToken
    setSession(null, LINK_EXPIRED)
    throw new ApiError(401, 'token_expired', LINK_EXPIRED)
  }

  const { session } = store.get()
  if (session !== null) schedule(session)

  return {
    store,
    accessToken,
    async login(username, password) {
      const answer = await api.request<TokenAnswer>('/auth/login', { method: 'POST', body: { username, password } })
      setSession(sessionOf(answer, Date.now()), null)
    },
    loginByToken(token) {
      const linked = sessionOfToken(token)
      if (linked === null) setSession(null, 'The link you came by holds no valid token. Log in, or ask for a new one.')
      else if (linked.expiresAtMs <= Date.now()) setSession(null, LINK_EXPIRED)
      else setSession(linked, null)
    },
    logout() {
      const { session } = store.get()
      setSession(null, null)
      if (session?.refreshToken == null) return
      const { accessToken: token, refreshToken } = session
      // The session of this tab is over either way; the server forgets it when it hears of it.
      api.request('/auth/logout', { method: 'POST', token, body: { refreshToken } }).catch(() => undefined)
    },
    async socketToken() {
      const token = await accessToken()
      if (current().refreshToken === null) return token
      const answer = await api.request<{ token: string }>('/auth/socket-token', { method: 'POST', token, body: {} })
      return answer.token
    },
    async refused() {
      const { session } = store.get()
      if (session === null) return
      if (session.refreshToken === null) setSession(null, LINK_EXPIRED)
      else await renew(session).catch(() => undefined)
    },
    close() {
      clearTimeout(timer)
    },
  }
}
