/** What went wrong, with a code to act on: one of the platform's (`docs/reference/errors.md`) or one of the SDK's own. */
export class RealtimeError extends Error {
  override readonly name = 'RealtimeError'
  /** Own codes: `unreachable`, `timed_out`, `connection_lost`, `token_unreadable`, `not_connected`, `queue_full`, `unsupported`, `answer_invalid`. */
  readonly code: string
  /** Of an answer over HTTP; 0 where there was none. */
  readonly status: number

  constructor(code: string, message: string, { status = 0, cause }: { status?: number; cause?: unknown } = {}) {
    super(message, { cause })
    this.code = code
    this.status = status
  }
}

/** Codes after which the same token is of no use. */
const TOKEN_CODES = new Set(['token_missing', 'token_invalid', 'token_expired', 'token_revoked', 'principal_banned'])

export function isTokenFault(error: unknown): boolean {
  return error instanceof RealtimeError && (error.status === 401 || TOKEN_CODES.has(error.code))
}

/** Makes the error of an answer: RFC 9457 problem details, or whatever a proxy put in their place. */
export async function errorOf(response: Response): Promise<RealtimeError> {
  const { status } = response
  try {
    const { code, detail, title } = (await response.json()) as { code?: string; detail?: string; title?: string }
    return new RealtimeError(code ?? 'unreachable', detail ?? title ?? `the platform answered ${status}`, { status })
  } catch {
    return new RealtimeError('unreachable', `the platform answered ${status}`, { status })
  }
}
