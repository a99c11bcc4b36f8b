import { createHash, randomUUID } from 'node:crypto'
import { errors, type JWTPayload, SignJWT } from 'jose'
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
import { CLOCK_LEEWAY_SECONDS } from './lifetimes.ts'
import type { SigningKeys } from './signing-keys.ts'
import { ALGORITHMS, chooseIssuer, type OutsideIssuer, type VerifiedToken } from './token-issuers.ts'

/** So that one fits into the 16 KiB of a CONNECT beside a will, and of HTTP headers beside others; nothing larger is parsed. */
const MAX_TOKEN_CHARACTERS = 8_192
/**
 * One ES256 verification costs about 0.1 ms of CPU; a request or a reconnect with a known token costs a hash. Enough for a large fleet that
 * comes back at once; what is remembered of one is some hundred bytes beside its principal.
 */
const CACHED_TOKENS = 100_000

export interface TokenRequest {
  readonly sub: string
  readonly org: string
  readonly role: Role
  readonly ttlSeconds: number
  readonly devices?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
  readonly acl?: Acl | undefined
  /** A random one when left out. */
  readonly jti?: string | undefined
  /** Makes it the token of a share link. */
  readonly scope?: ShareScope | undefined
  /** The log-in that it comes of. */
  readonly sid?: string | undefined
  readonly use?: 'socket' | undefined
}

export interface Tokens {
  /** Signs a token (compact JWS, RFC 7519) with the newest key. Errors: `payload_invalid` when a claim is malformed. */
  mint(request: TokenRequest): Promise<string>
  /**
   * Checks signature, expiry and claims, and tells who sent the token: as it was issued. What the database says of it since is the
   * matter of `Rights`. The same token gives the same object while it is remembered.
   * @throws TrackwireError token_missing, token_invalid, token_expired, identity_provider_unavailable
   */
  verify(token: string): Promise<Principal>
}

/**
 * Makes tokens with our own keys, and checks those of ours and of an outside issuer. Keys may come and go meanwhile: a verified
 * token is remembered until it expires or its key is taken out of use.
 * @param options.now clock in milliseconds
 */
export function createTokens(
  keys: SigningKeys,
  options: { now?: () => number; outside?: OutsideIssuer | undefined } = {},
): Tokens {
  const now = options.now ?? Date.now
  const issuerOf = chooseIssuer(keys, options.outside)
  // Insertion order is age of use: a hit is put back at the end, the first entry is the one to drop.
  const verified = new Map<string, { principal: Principal; isKeyLive: VerifiedToken['isKeyLive'] }>()

  async function mint({ ttlSeconds, ...wanted }: TokenRequest): Promise<string> {
    // To the millisecond (RFC 7519 §2, NumericDate): of two tokens of one second only the older one falls to a revocation between them.
    const issuedAt = now() / 1_000
    const present = Object.entries({ jti: randomUUID(), ...wanted }).filter(([, value]) => value !== undefined)
    const claims = {
      ...Object.fromEntries(present),
      iat: issuedAt,
      exp: Math.floor(issuedAt) + Math.floor(ttlSeconds),
    }
    if (wanted.scope !== undefined) checkShareScope(wanted.scope)
    checkSchema(Claims, claims)
    const { algorithm, kid, privateKey } = keys.signing
    return new SignJWT(claims as JWTPayload).setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' }).sign(privateKey)
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
      const { principal } = known
      if (principal.expiresAtMs + CLOCK_LEEWAY_SECONDS * 1_000 <= now()) throw new TrackwireError('token_expired')
      checkShareTime(principal)
      if (known.isKeyLive()) {
        verified.set(digest, known)
        return principal
      }
    }
    const { claims, issuer, keyId, isKeyLive } = await freshly(token)
    const principal: Principal = principalOf(claims, { issuer, keyId })
    checkShareTime(principal)
    if (verified.size >= CACHED_TOKENS) verified.delete(verified.keys().next().value!)
    verified.set(digest, { principal, isKeyLive })
    return principal
  }

  function checkShareTime({ share }: Principal): void {
    if (share !== undefined && now() >= share.until) {
      throw new TrackwireError('token_expired', 'the time of this share link is over')
    }
  }

  async function freshly(token: string): Promise<VerifiedToken> {
    try {
      return await issuerOf(token).verify(token, now())
    } catch (cause) {
      throw refusalOf(cause)
    }
  }

  return { mint, verify }
}

/** Says what is wrong without repeating anything of the token. */
function refusalOf(cause: unknown): TrackwireError {
  if (cause instanceof TrackwireError) return cause
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
