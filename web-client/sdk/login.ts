import { errorOf, RealtimeError } from './errors.ts'

interface Answer {
  readonly accessToken: string
  readonly refreshToken?: string
}

/**
 * Logs a person in with name and password, and makes a token provider of it: access tokens are renewed with the refresh token, which
 * stays in memory. An app whose own server gives out tokens needs none of it.
 * @throws RealtimeError credentials_wrong, unreachable
 */
export async function login(url: string, username: string, password: string): Promise<() => Promise<string>> {
  let { accessToken, refreshToken } = await post<Answer>('/auth/login', { username, password })
  let isFirst = true
  return async () => {
    if (!isFirst) {
      const next = await post<Answer>('/auth/refresh', { refreshToken })
      accessToken = next.accessToken
      refreshToken = next.refreshToken
    }
    isFirst = false
    return (await post<{ token: string }>('/auth/socket-token', {}, accessToken)).token
  }

  async function post<Body>(path: string, body: object, token?: string): Promise<Body> {
    const headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const response = await fetch(`${url.replace(/\/+$/, '')}/api/v1${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    }).catch(cause => {
      throw new RealtimeError('unreachable', 'the platform cannot be reached', { cause })
    })
    if (!response.ok) throw await errorOf(response)
    return response.json() as Promise<Body>
  }
}
