import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JWK,
  type JWSHeaderParameters,
} from 'jose'
import type { Logger } from 'pino'
import { TrackwireError } from '../../contract/index.ts'

/** So a key that the provider takes out of use is forgotten, and one that it adds is mostly known before it signs. */
const REFRESH_EVERY_MS = 5 * 60_000
/** Tokens with an unknown `kid` are cheap to make: however many come, the provider is asked no more often. */
const ASK_AT_MOST_EVERY_MS = 30_000
const TIMEOUT_MS = 5_000
const MAX_BYTES = 256 * 1_024
const MAX_KEYS = 100
/** What a public key is made of, by RFC 7518 §6 and RFC 8037 §2; nothing else of it is kept, private parts least of all. */
const PUBLIC_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
}

type KeySet = ReturnType<typeof createLocalJWKSet>

/** The key set of an outside identity provider, kept current. The last good one stays while the provider is away. */
export interface OutsideKeys {
  /** The key for a token, for `jwtVerify`. Rejects as jose's key sets do, and with `identity_provider_unavailable`. */
  readonly find: (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>
  has(kid: string): boolean
  /** Grows whenever other keys were fetched. */
  readonly version: number
  close(): void
}

export interface OutsideKeysOptions {
  /** https, or http on the loopback. */
  readonly url: string
  readonly logger: Logger
  /** Milliseconds. */
  readonly now?: (() => number) | undefined
}

/** Asks the provider before it resolves, and goes on without keys when it does not answer: they are asked for again. */
export async function startOutsideKeys({ url, logger, now = Date.now }: OutsideKeysOptions): Promise<OutsideKeys> {
  let keySet: KeySet | undefined
  let kids = new Set<string>()
  let text = ''
  let version = 0
  let askedAtMs = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | undefined
  const closing = new AbortController()

  /** One request at a time; never rejects. */
  const refresh = (): Promise<void> => {
    asking ??= (async () => {
      askedAtMs = now()
      try {
        const keys = await fetchKeys(url, closing.signal)
        const fetched = JSON.stringify(keys)
        if (fetched === text) return
        text = fetched
        keySet = createLocalJWKSet({ keys })
        kids = new Set(keys.flatMap(({ kid }) => kid ?? []))
        version += 1
        logger.info({ keys: [...kids] }, 'the keys of the identity provider were fetched')
      } catch (error) {
        if (closing.signal.aborted) return
        const consequence = keySet === undefined ? 'its tokens are refused until it does' : 'the last ones stay in use'
        logger.warn({ err: error }, `the identity provider does not give its keys; ${consequence}`)
      } finally {
        asking = undefined
      }
    })()
    return asking
  }
  const refreshUnlessJustDone = async (): Promise<void> => {
    if (asking !== undefined || now() - askedAtMs >= ASK_AT_MOST_EVERY_MS) await refresh()
  }
  const lookUp = async (...[header, token]: Parameters<KeySet>): Promise<CryptoKey> => {
    if (keySet === undefined) throw new TrackwireError('identity_provider_unavailable')
    return keySet(header, token)
  }

  await refresh()
  const timer = setInterval(refresh, REFRESH_EVERY_MS).unref()

  return {
    async find(header, token) {
      if (keySet === undefined) await refreshUnlessJustDone()
      try {
        return await lookUp(header, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
        await refreshUnlessJustDone()
        return lookUp(header, token)
      }
    },
    has: kid => kids.has(kid),
    get version() {
      return version
    },
    close() {
      closing.abort()
      clearInterval(timer)
    },
  }
}

async function fetchKeys(url: string, closing: AbortSignal): Promise<JWK[]> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    // A redirect could lead from https to anywhere.
    redirect: 'error',
    signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
  })
  if (!response.ok) throw new Error(`${url} answers with HTTP status ${response.status}`)
  const keys = readKeySet(JSON.parse(await readText(response)))
  if (keys.length === 0) throw new Error(`${url} holds no public key for signatures`)
  return keys
}

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.length
    // Leaving the loop cancels the rest.
    if (bytes > MAX_BYTES) throw new Error(`the key set is larger than ${MAX_BYTES} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** RFC 7517 §5: keys that are not understood are left out. Symmetric ones have no business in a public document. */
function readKeySet(document: unknown): JWK[] {
  const { keys } = (document ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('this is no JWK Set: it has no list "keys"')
  return keys.slice(0, MAX_KEYS).flatMap(readPublicKey)
}

function readPublicKey(value: unknown): JWK[] {
  if (typeof value !== 'object' || value === null) return []
  const key = value as Record<string, unknown>
  const members = PUBLIC_MEMBERS[String(key.kty)]
  if (members === undefined || members.some(name => typeof key[name] !== 'string')) return []
  if (key.use !== undefined && key.use !== 'sig') return []
  const kept = ['kty', 'kid', 'alg', 'use', ...members].filter(name => typeof key[name] === 'string')
  return [Object.fromEntries(kept.map(name => [name, key[name]])) as unknown as JWK]
}
