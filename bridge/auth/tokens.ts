import { createHash } from 'node:crypto'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import {
  type Acl,
  Claims,
  checkSchema,
  type Principal,
  principalOf,
  type Role,
  type ShareScope,
  TrackwireError,
} from '../../contract/index.ts'
import { checkShareScope } from '../share/share-area.ts'
import type { SigningKeys } from './signing-keys.ts'

/** Asymmetric only: neither `none` nor an HMAC keyed with our public key can pass. RFC 8725 §3.1 */
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA']
const CLOCK_LEEWAY_SECONDS = 30
/** So that one fits into the 16 KiB of a CONNECT beside a will, and of HTTP headers beside others; nothing larger is parsed. */
const MAX_TOKEN_CHARACTERS = 8_192
/** One ES256 verification costs about 0.1 ms of CPU; a request or a reconnect with a known token costs a hash. */
const CACHED_TOKENS = 10_000

export interface TokenRequest {
  readonly sub: string
  readonly org: string
  readonly role: Role
  readonly ttlSeconds: number
  readonly devices?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
  readonly acl?: Acl | undefined
  readonly jti?: string | undefined
  /** Makes it the token of a share link. */
  readonly scope?: ShareScope | undefined
}

export interface Tokens {
  /** Signs a token (compact JWS, RFC 7519) with the newest key. Errors: `payload_invalid` when a claim is malformed. */
  mint(request: TokenRequest): Promise<string>
  /**
   * Checks signature, expiry and claims, and tells who sent the token.
   * @throws TrackwireError token_missing, token_invalid, token_expired
   */
  verify(token: string): Promise<Principal>
}

/**
 * Makes and checks tokens with the keys given, which do not change while the process lives (so a verified token can be
 * remembered until it expires).
 * @param options.now clock in milliseconds
 */
export function createTokens(keys: SigningKeys, options: { now?: () => number } = {}): Tokens {
  const now = options.now ?? Date.now
  const keySet = createLocalJWKSet(keys.jwks() as JSONWebKeySet)
  // Insertion order is age of use: a hit is put back at the end, the first entry is the one to drop.
  const verified = new Map<string, Principal>()

  async function mint({ ttlSeconds, ...wanted }: TokenRequest): Promise<string> {
    const issuedAt = Math.floor(now() / 1_000)
    const present = Object.entries(wanted).filter(([, value]) => value !== undefined)
    const claims = { ...Object.fromEntries(present), iat: issuedAt, exp: issuedAt + Math.floor(ttlSeconds) }
    if (wanted.scope !== undefined) checkShareScope(wanted.scope)
    checkSchema(Claims, claims)
    return new SignJWT(claims as JWTPayload)
      .setProtectedHeader({ alg: keys.signing.algorithm, kid: keys.signing.kid, typ: 'JWT' })
      .sign(keys.signing.privateKey)
  }

  async function verify(token: string): Promise<Principal> {
    if (token === '') throw new TrackwireError('token_missing')
    if (token.length > MAX_TOKEN_CHARACTERS) {
      throw new TrackwireError('token_invalid', `the token is longer than ${MAX_TOKEN_CHARACTERS} characters`)
    }
    const digest = createHash('sha256').update(token).digest('base64')
    const known = verified.get(digest)
    if (known !== undefined) {
      verified.delete(digest)
      if (known.expiresAtMs + CLOCK_LEEWAY_SECONDS * 1_000 <= now()) throw new TrackwireError('token_expired')
      if (known.share !== undefined && now() >= known.share.until) throw shareOver()
      verified.set(digest, known)
      return known
    }
    const principal = principalOf(readClaims(await verifiedPayload(token)))
    if (principal.share !== undefined && now() >= principal.share.until) throw shareOver()
    if (verified.size >= CACHED_TOKENS) verified.delete(verified.keys().next().value!)
    verified.set(digest, principal)
    return principal
  }

  async function verifiedPayload(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, keySet, {
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_LEEWAY_SECONDS,
        requiredClaims: ['exp'],
        currentDate: new Date(now()),
      })
      return payload
    } catch (cause) {
      throw refusalOf(cause)
    }
  }

  return { mint, verify }
}

function readClaims(payload: JWTPayload): Claims {
  // On its own first: a scope that does not fit must neither pass for none nor hide which part of it is wrong.
  if (typeof payload.scope === 'object') fitting("the token's scope does not fit", () => checkShareScope(payload.scope))
  return fitting("the token's claims do not fit", () => checkSchema(Claims, payload))
}

function fitting<T>(otherwise: string, check: () => T): T {
  try {
    return check()
  } catch (cause) {
    throw new TrackwireError('token_invalid', `${otherwise}: ${(cause as Error).message}`, { cause })
  }
}

function shareOver(): TrackwireError {
  return new TrackwireError('token_expired', 'the time of this share link is over')
}

/** Says what is wrong without repeating anything of the token. */
function refusalOf(cause: unknown): TrackwireError {
  if (cause instanceof errors.JWTExpired) return new TrackwireError('token_expired', undefined, { cause })
  return new TrackwireError('token_invalid', reasonOf(cause), { cause })
}

function reasonOf(cause: unknown): string {
  if (cause instanceof errors.JOSEAlgNotAllowed) return `the token is not signed with ${ALGORITHMS.join(', ')}`
  if (cause instanceof errors.JWKSNoMatchingKey) return 'the token is signed with a key that is not known here'
  if (cause instanceof errors.JWKSMultipleMatchingKeys) return 'the token does not say by kid which key signed it'
  if (cause instanceof errors.JWSSignatureVerificationFailed) return "the token's signature does not fit its content"
  if (cause instanceof errors.JWTClaimValidationFailed) {
    return cause.reason === 'missing'
      ? `the token lacks the claim ${cause.claim}`
      : `the token's claim ${cause.claim} does not hold${cause.claim === 'nbf' ? ': it is not valid yet' : ''}`
  }
  return 'the token is not a signed JWT; send the three-part text that the login or `trackwire token` gave'
}
