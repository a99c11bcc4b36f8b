import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { errors, type JWK, type JWTPayload } from 'jose'

interface KnownHeader {
  readonly kid: string
  readonly key: KeyObject
}

/** There is one for every key, unless somebody signs with our keys elsewhere. */
const REMEMBERED_HEADERS = 16
/** Of ES256, base64url: 64 bytes. RFC 7518 §3.4 */
const SIGNATURE_CHARACTERS = 86

/**
 * The verdict "good" on an ES256 token at a third of what jose takes for it, which hands every signature to a thread and back: a
 * fleet that reconnects at once is thousands of tokens. It covers tokens whose header is, to the letter, that of one that jose found good before.
 * Whatever is not plainly good is left to jose, which also says why.
 */
export class KnownHeaders {
  readonly #headers = new Map<string, KnownHeader>()

  /** jose found a token with this header good. */
  learn(token: string, kid: string | undefined, keys: readonly JWK[]): void {
    const jwk = keys.find(key => key.kid === kid)
    if (kid === undefined || jwk?.alg !== 'ES256' || this.#headers.size >= REMEMBERED_HEADERS) return
    this.#headers.set(headerOf(token), { kid, key: createPublicKey({ key: jwk, format: 'jwk' }) })
  }

  forget(): void {
    this.#headers.clear()
  }

  /**
   * What a token says that is signed and in force; null where jose has to look.
   * @throws the error of jose where the signature is not by the key that the header names
   */
  verify(token: string, nowMs: number, leewaySeconds: number): { payload: JWTPayload; kid: string } | null {
    const header = headerOf(token)
    const known = this.#headers.get(header)
    if (known === undefined) return null
    const end = token.lastIndexOf('.')
    if (end !== token.indexOf('.', header.length + 1)) return null
    const signature = Buffer.from(token.slice(end + 1), 'base64url')
    // One signature has one form: the decoder takes others, too.
    if (token.length - end - 1 !== SIGNATURE_CHARACTERS || signature.toString('base64url') !== token.slice(end + 1)) {
      return null
    }
    const key = { key: known.key, dsaEncoding: 'ieee-p1363' } as const
    if (!verify('sha256', Buffer.from(token.slice(0, end)), key, signature)) {
      throw new errors.JWSSignatureVerificationFailed()
    }
    const payload = read(token.slice(header.length + 1, end))
    return payload !== null && isInForce(payload, Math.floor(nowMs / 1_000), leewaySeconds)
      ? { payload, kid: known.kid }
      : null
  }
}

function headerOf(token: string): string {
  return token.slice(0, Math.max(token.indexOf('.'), 0))
}

function read(base64url: string): JWTPayload | null {
  try {
    const payload: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString())
    return typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? (payload as JWTPayload) : null
  } catch {
    return null
  }
}

/** RFC 7519 §4.1.4 to §4.1.6. */
function isInForce({ exp, nbf, iat }: JWTPayload, nowSeconds: number, leeway: number): boolean {
  if (typeof exp !== 'number' || exp <= nowSeconds - leeway) return false
  if (iat !== undefined && typeof iat !== 'number') return false
  return nbf === undefined || (typeof nbf === 'number' && nbf <= nowSeconds + leeway)
}
