import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import { Claims, checkSchema, TrackwireError } from '../../contract/index.ts'
import { checkShareScope } from '../share/share-area.ts'
import { type ClaimMapping, mapClaims } from './claim-mapping.ts'
import { KnownHeaders } from './known-headers.ts'
import { CLOCK_LEEWAY_SECONDS } from './lifetimes.ts'
import type { OutsideKeys } from './outside-keys.ts'
import type { SigningKeys } from './signing-keys.ts'

/** Asymmetric only: neither `none` nor an HMAC keyed with a public key can pass. RFC 8725 §3.1 */
export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA']

export interface VerifiedToken {
  readonly claims: Claims
  /** Of an outside provider; undefined for our own tokens. */
  readonly issuer: string | undefined
  /** Whether the key it was verified with is still in use. */
  isKeyLive(): boolean
  /** Of our own key, where the token says it. */
  readonly keyId?: string | undefined
}

/** Somebody whose signature counts, with keys of its own: no key ever verifies a token of another issuer. RFC 8725 §3.8 */
export interface TokenIssuer {
  /** Rejects with an error of jose, or a TrackwireError about the claims. */
  verify(token: string, nowMs: number): Promise<VerifiedToken>
}

/** Whose tokens count beside our own: an outside provider's by its key set, or whoever knows a shared secret. */
export interface OutsideIssuer {
  /** The `iss` its tokens bear; only with a secret may it be left out. */
  readonly issuer: string | undefined
  /** What its tokens must bear in `aud`; not looked at when left out. */
  readonly audience: string | undefined
  readonly mapping: ClaimMapping
  readonly trust: { readonly keys: OutsideKeys } | { readonly secret: Uint8Array }
}

/** Tells from what a token says of itself, before anything is believed, whose keys it has to fit. */
export function chooseIssuer(keys: SigningKeys, outside: OutsideIssuer | undefined): (token: string) => TokenIssuer {
  const own = ownIssuer(keys)
  if (outside === undefined) return () => own
  const { trust } = outside
  const other = 'keys' in trust ? keySetIssuer(outside, trust.keys) : secretIssuer(outside, trust.secret)
  const isOthers = 'keys' in trust ? ({ iss }: Said) => iss === outside.issuer : ({ alg }: Said) => alg === 'HS256'
  return token => (isOthers(whatItSays(token)) ? other : own)
}

interface Said {
  readonly alg: unknown
  readonly iss: unknown
}

/** Read exactly as the verification reads it: of a claim that is there twice both take the last one. RFC 7519 §4 */
function whatItSays(token: string): Said {
  try {
    return { alg: decodeProtectedHeader(token).alg, iss: decodeJwt(token).iss }
  } catch {
    // No JWT at all: the verification says so.
    return { alg: undefined, iss: undefined }
  }
}

function ownIssuer(keys: SigningKeys): TokenIssuer {
  let known = keys.jwks()
  let keySet = createLocalJWKSet(known as JSONWebKeySet)
  const headers = new KnownHeaders()
  return {
    async verify(token, nowMs) {
      if (keys.jwks() !== known) {
        known = keys.jwks()
        keySet = createLocalJWKSet(known as JSONWebKeySet)
        headers.forget()
      }
      const usedSet = known
      const quick = headers.verify(token, nowMs, CLOCK_LEEWAY_SECONDS)
      if (quick !== null) {
        const { payload, kid } = quick
        return { claims: readClaims(payload), issuer: undefined, keyId: kid, isKeyLive: () => keys.has(kid) }
      }
      const { payload, protectedHeader } = await jwtVerify(token, keySet, rulesAt(nowMs, ALGORITHMS))
      const { kid } = protectedHeader
      if (keys.jwks() === usedSet) headers.learn(token, kid, usedSet.keys)
      return {
        claims: readClaims(payload),
        issuer: undefined,
        keyId: kid,
        // Without a kid there was one key alone; who knows which is left when the set has changed.
        isKeyLive: () => (kid === undefined ? keys.jwks() === usedSet : keys.has(kid)),
      }
    },
  }
}

function keySetIssuer({ issuer, audience, mapping }: OutsideIssuer, keys: OutsideKeys): TokenIssuer {
  return {
    async verify(token, nowMs) {
      const rules = { ...rulesAt(nowMs, ALGORITHMS), ...expected(issuer, audience) }
      const { payload, protectedHeader } = await jwtVerify(token, keys.find, rules)
      const version = keys.version
      const { kid } = protectedHeader
      return {
        claims: readClaims(mapClaims(payload, mapping)),
        issuer,
        isKeyLive: () => (kid === undefined ? keys.version === version : keys.has(kid)),
      }
    },
  }
}

function secretIssuer({ issuer, audience, mapping }: OutsideIssuer, secret: Uint8Array): TokenIssuer {
  return {
    async verify(token, nowMs) {
      const rules = { ...rulesAt(nowMs, ['HS256']), ...expected(issuer, audience) }
      const { payload } = await jwtVerify(token, secret, rules)
      return {
        claims: readClaims(mapClaims(payload, mapping)),
        issuer: issuer ?? 'shared secret',
        isKeyLive: () => true,
      }
    },
  }
}

function rulesAt(nowMs: number, algorithms: string[]) {
  return {
    algorithms,
    clockTolerance: CLOCK_LEEWAY_SECONDS,
    requiredClaims: ['exp'],
    currentDate: new Date(nowMs),
  }
}

function expected(issuer: string | undefined, audience: string | undefined) {
  return { ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) }
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
