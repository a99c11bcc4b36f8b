/** What the platform answered instead of a result. `status` 0 = it did not answer at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** A code of the contract's error table, or '' when the answer was no problem document. */
  readonly code: string
  /** JSON pointer to what is at fault in the body, where the answer names it. */
  readonly path: string | null
  /** The whole problem document; empty when there was none. */
  readonly problem: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: string,
    message: string,
    options?: ErrorOptions & { readonly problem?: Readonly<Record<string, unknown>> },
  ) {
    super(message, options)
    this.status = status
    this.code = code
    this.problem = options?.problem ?? {}
    this.path = typeof this.problem.path === 'string' ? this.problem.path : null
  }
}

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  /** A file that is sent as it is. */
  readonly csv?: string
  readonly token?: string
  /** Goes on when the page is left. */
  readonly keepalive?: boolean
}

export interface Api {
  /** @throws ApiError */
  request<Answer>(path: string, request?: Request): Promise<Answer>
  /** How far the platform's clock is ahead of this browser's, milliseconds; 0 while unknown or within its resolution. */
  clockOffsetMs(): number
}

export const REQUEST_TIMEOUT_MS = 15_000
/** The `Date` header counts whole seconds and travels for a while: a smaller difference means nothing. */
const CLOCK_RESOLUTION_MS = 3_000

/** @param base where the API is, e.g. `/api/v1` or `http://127.0.0.1:8080/api/v1` */
export function createApi(base: string, fetcher: typeof fetch): Api {
  let offsetMs = 0
  return {
    clockOffsetMs: () => offsetMs,
    async request<Answer>(
      path: string,
      { method = 'GET', body, csv, token, keepalive = false }: Request = {},
    ): Promise<Answer> {
      const headers: Record<string, string> = { accept: 'application/json' }
      if (token !== undefined) headers.authorization = `Bearer ${token}`
      const sent = csv ?? (body === undefined ? undefined : JSON.stringify(body))
      if (sent !== undefined) headers['content-type'] = csv === undefined ? 'application/json' : 'text/csv'
      const response = await send(fetcher, base + path, {
        method,
        headers,
        keepalive,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        ...(sent === undefined ? {} : { body: sent }),
      })
      const date = Date.parse(response.headers.get('date') ?? '')
      if (Number.isFinite(date)) {
        const difference = date - Date.now()
        offsetMs = Math.abs(difference) > CLOCK_RESOLUTION_MS ? difference : 0
      }
      if (response.ok) return (response.status === 204 ? null : await readAnswer(response)) as Answer
      throw await problemOf(response)
    },
  }
}

async function send(fetcher: typeof fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetcher(url, init)
  } catch (cause) {
    throw new ApiError(0, 'unreachable', 'The server cannot be reached. Check the network; it is tried again.', {
      cause,
    })
  }
}

async function readAnswer(response: Response): Promise<unknown> {
  const text = await response.text()
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ApiError(response.status, 'not_json', 'The answer is not JSON. Is this the address of Trackwire?', {
      cause,
    })
  }
}

/** RFC 9457 problem details, or whatever a proxy on the way put in their place. */
async function problemOf(response: Response): Promise<ApiError> {
  const { status } = response
  try {
    const problem = (await response.json()) as { code?: string; detail?: string; title?: string }
    const message = problem.detail ?? problem.title ?? `The server answered ${status}.`
    return new ApiError(status, problem.code ?? '', message, { problem })
  } catch {
    const message = status >= 500 ? `The server has a problem (${status}).` : `The server answered ${status}.`
    return new ApiError(status, '', message)
  }
}

/** Whether the request may work when it is sent again. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500)
}
