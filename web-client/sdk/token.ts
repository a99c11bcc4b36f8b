import { RealtimeError } from './errors.ts'

/** A token, or what fetches one: asked for the first one, and for a new one before the old one expires. */
export type TokenProvider = string | (() => string | Promise<string>)

/** What a token says of its bearer. Only the platform can tell whether it is true. */
export interface TokenClaims {
  readonly sub: string
  readonly org: string
  readonly role: string
  /** Milliseconds, this computer's clock when `iat` and it agree. */
  readonly expiresAtMs: number
}

export interface Token extends TokenClaims {
  readonly jwt: string
}

/** Renewed after four fifths of its life, at the latest so long before its end. */
const SPARE_MS = 30_000
const LIFE_PART = 0.8
const LOOK_AGAIN_MS = 1_000
const MAX_TIMEOUT_MS = 2 ** 31 - 1
/** A provider that never answers must not stop the reconnecting. */
const PROVIDER_TIMEOUT_MS = 15_000

/** @throws RealtimeError token_unreadable */
export function readToken(jwt: string): Token {
  try {
    const middle = jwt.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(middle), character => character.charCodeAt(0))
    const { sub, org, role, exp } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    if (typeof sub !== 'string' || typeof org !== 'string' || typeof exp !== 'number')
      throw new Error('a claim is missing')
    return { jwt, sub, org, role: String(role), expiresAtMs: exp * 1_000 }
  } catch (cause) {
    throw new RealtimeError('token_unreadable', 'the token is no JWT with sub, org and exp', { cause })
  }
}

/** Holds the current token. One question to the provider at a time. */
export class TokenSource {
  readonly #provider: TokenProvider
  #token: Token | null = null
  #receivedAtMs = 0
  #asking: Promise<Token> | null = null

  constructor(provider: TokenProvider) {
    this.#provider = provider
  }

  /** The token as it is, or null before the first one. */
  get current(): Token | null {
    return this.#token
  }

  /** A token that is good now; a new one when the old one has expired. */
  async get(): Promise<Token> {
    const token = this.#token
    if (token !== null && (token.expiresAtMs > Date.now() || !this.isRenewable)) return token
    return this.renew()
  }

  /** Asks for a new one, whatever there is. */
  renew(): Promise<Token> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  /** Asks for a new token before the one there is expires, again and again; `onFresh` is told of each. Returns what ends it. */
  keepFresh(onFresh: (token: Token) => void): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isEnded = false
    const schedule = (ms: number): void => {
      if (!isEnded) timer = setTimeout(look, Math.min(ms, MAX_TIMEOUT_MS))
    }
    const look = async (): Promise<void> => {
      // Nobody has asked for the first one yet, or it was refused: that is the business of whoever connects.
      if (this.#token === null) return schedule(LOOK_AGAIN_MS)
      const dueMs = this.renewInMs()
      if (dueMs > 0) return schedule(dueMs)
      try {
        const token = await this.renew()
        if (!isEnded) onFresh(token)
      } catch {
        // The old one is good for a while; the provider is asked again.
      }
      schedule(Math.max(LOOK_AGAIN_MS, this.renewInMs()))
    }
    if (this.isRenewable) schedule(LOOK_AGAIN_MS)
    return () => {
      isEnded = true
      clearTimeout(timer)
    }
  }

  /** The platform refused it. */
  forget(): void {
    this.#token = null
  }

  /** Whether a new one can be had at all. */
  get isRenewable(): boolean {
    return typeof this.#provider === 'function'
  }

  /** Milliseconds until it should be renewed; 0 when it is time. */
  renewInMs(): number {
    if (this.#token === null) return 0
    const { expiresAtMs } = this.#token
    const life = expiresAtMs - this.#receivedAtMs
    // Of a short life a fifth is spared, of a long one half a minute is enough.
    const spare = Math.min(SPARE_MS, life * (1 - LIFE_PART))
    return Math.max(0, expiresAtMs - spare - Date.now())
  }

  async #ask(): Promise<Token> {
    const provider = this.#provider
    const jwt = typeof provider === 'string' ? provider : await within(PROVIDER_TIMEOUT_MS, async () => provider())
    this.#token = readToken(jwt.trim())
    this.#receivedAtMs = Date.now()
    return this.#token
  }
}

function within<Result>(timeoutMs: number, ask: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const late = new RealtimeError('timed_out', `the token provider did not answer within ${timeoutMs / 1_000} s`)
    const timer = setTimeout(() => reject(late), timeoutMs)
    ask()
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
