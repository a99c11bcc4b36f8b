import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CryptoKey, JWK } from 'jose'
import { TrackwireError } from '../../contract/index.ts'
import { type KeyFile, listKeyFiles, nextKeyNumber, readKeyFile, retireKeyFile, writeKeyFile } from './key-files.ts'

/** The algorithm of the keys we make ourselves. */
export const SIGNING_ALGORITHM = 'ES256'
/** How long outside verifiers may keep our JWK Set: the `max-age` it is served with. */
export const JWKS_MAX_AGE_SECONDS = 300
/** Until everyone knows a new key: the `max-age`, and a minute for other processes that look into the folder and for clocks. */
export const KEY_OVERLAP_MS = (JWKS_MAX_AGE_SECONDS + 60) * 1_000
/** More are no use, and every verifier has to fetch them all. */
const MAX_LIVE_KEYS = 10

/** `signing` signs and verifies; `verifying` verifies; `waiting` verifies, and signs from `signsFrom` on. */
export type KeyState = 'signing' | 'verifying' | 'waiting'

export interface KeyView {
  readonly kid: string
  readonly algorithm: string
  readonly state: KeyState
  /** Milliseconds; when its file appeared. */
  readonly createdAt: number
  /** Milliseconds; from when on it may sign. */
  readonly signsFrom: number
}

export interface SigningKeys {
  /** The newest key whose time to sign has come. `kid` is its RFC 7638 thumbprint. */
  readonly signing: { readonly kid: string; readonly algorithm: string; readonly privateKey: CryptoKey }
  /** All public keys as a JWK Set, RFC 7517 §5. Never holds a private part. The same object until a key comes or goes. */
  jwks(): { readonly keys: readonly JWK[] }
  /** Whether tokens of this key are valid. */
  has(kid: string): boolean
  list(): KeyView[]
  /**
   * Adds a key. It verifies at once and signs after {@link KEY_OVERLAP_MS}, when everyone knows it; `immediately` after a theft.
   * Errors: `conflict` when one is waiting already, or there are too many.
   */
  rotate(options?: { immediately?: boolean | undefined }): Promise<KeyView>
  /** Takes a key out: its tokens are refused from now on. Its file is kept as `retired-N.jwk.json`. Errors: `not_found`, `conflict` for the last one. */
  retire(kid: string): Promise<void>
  /** Reads the folder again: another process may have added or retired a key. @returns whether anything changed */
  reload(): Promise<boolean>
  /** Calls the listener when a key was taken out of use, here or by another process. @returns a function that stops it */
  onRetired(listener: () => void): () => void
}

interface LiveKey extends KeyFile {
  readonly number: number
  readonly createdAt: number
}

/**
 * Opens the signing keys of an installation, and makes the first one when there is none.
 * Processes that start together on an empty folder end up with the same key.
 * @param dataDirectory keys lie in its `keys/` folder (mode 0700, files 0600)
 * @param options.now clock in milliseconds
 * @throws Error in one plain sentence when a key file cannot be read
 */
export async function openSigningKeys(
  dataDirectory: string,
  { now = Date.now }: { now?: () => number } = {},
): Promise<SigningKeys> {
  const folder = join(dataDirectory, 'keys')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  if ((await listKeyFiles(folder)).length === 0) await writeKeyFile(folder, 1, { algorithm: SIGNING_ALGORITHM })
  const keys = new FolderKeys(folder, now)
  await keys.reload()
  return keys
}

class FolderKeys implements SigningKeys {
  readonly #folder: string
  readonly #now: () => number
  /** Ascending by number. */
  #live: readonly LiveKey[] = []
  #jwks: { readonly keys: readonly JWK[] } = { keys: [] }
  readonly #listeners = new Set<() => void>()

  constructor(folder: string, now: () => number) {
    this.#folder = folder
    this.#now = now
  }

  get signing(): SigningKeys['signing'] {
    const { kid, privateKey } = this.#signer()
    return { kid, algorithm: SIGNING_ALGORITHM, privateKey }
  }

  jwks(): { readonly keys: readonly JWK[] } {
    return this.#jwks
  }

  has(kid: string): boolean {
    return this.#live.some(key => key.kid === kid)
  }

  list(): KeyView[] {
    const signer = this.#signer()
    return this.#live.map(key => this.#view(key, signer))
  }

  async rotate({ immediately = false }: { immediately?: boolean | undefined } = {}): Promise<KeyView> {
    await this.reload()
    const waiting = this.list().find(({ state }) => state === 'waiting')
    if (waiting !== undefined && !immediately) {
      const when = new Date(waiting.signsFrom).toISOString()
      throw new TrackwireError('conflict', `the key ${waiting.kid} is waiting already; it signs from ${when} on`)
    }
    if (this.#live.length >= MAX_LIVE_KEYS) {
      throw new TrackwireError('conflict', `there are ${MAX_LIVE_KEYS} keys already; retire old ones first`)
    }
    const number = await nextKeyNumber(this.#folder)
    const signsFrom = immediately ? 0 : this.#now() + KEY_OVERLAP_MS
    await writeKeyFile(this.#folder, number, { algorithm: SIGNING_ALGORITHM, signsFrom })
    await this.reload()
    // Taken away at once by someone else: there is nothing to show.
    const made = this.#live.find(key => key.number === number)
    if (made === undefined) throw new TrackwireError('conflict', 'the new key was retired meanwhile; rotate again')
    return this.#view(made, this.#signer())
  }

  async retire(kid: string): Promise<void> {
    await this.reload()
    const key = this.#live.find(live => live.kid === kid)
    if (key === undefined) throw new TrackwireError('not_found', `there is no live key ${kid}; see trackwire keys list`)
    if (this.#live.length === 1) {
      throw new TrackwireError('conflict', 'this is the only key; rotate first, then retire it')
    }
    await retireKeyFile(this.#folder, key.number)
    await this.reload()
  }

  async reload(): Promise<boolean> {
    const numbers = await listKeyFiles(this.#folder)
    if (isSame(numbers, this.#live)) return false
    const known = new Map(this.#live.map(key => [key.number, key]))
    const live: LiveKey[] = []
    for (const number of numbers) live.push(known.get(number) ?? (await this.#read(number)))
    if (live.length === 0) throw new Error(`no signing key is left in ${this.#folder}; put one back, or start anew`)
    const before = this.#live
    this.#live = live
    this.#jwks = { keys: live.map(({ publicJwk }) => publicJwk) }
    if (before.some(({ kid }) => !this.has(kid))) for (const listener of this.#listeners) listener()
    return true
  }

  onRetired(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #read(number: number): Promise<LiveKey> {
    const path = join(this.#folder, `signing-${number}.jwk.json`)
    const key = await readKeyFile(path, SIGNING_ALGORITHM)
    return { ...key, number, createdAt: Math.floor((await stat(path)).mtimeMs) }
  }

  /** Where none may sign yet, because the one before was retired, the newest has to. */
  #signer(): LiveKey {
    const nowMs = this.#now()
    return this.#live.findLast(({ signsFrom }) => signsFrom <= nowMs) ?? this.#live.at(-1)!
  }

  #view(key: LiveKey, signer: LiveKey): KeyView {
    const { kid, createdAt, signsFrom, number } = key
    const state = key === signer ? 'signing' : number > signer.number ? 'waiting' : 'verifying'
    return { kid, algorithm: SIGNING_ALGORITHM, state, createdAt, signsFrom }
  }
}

function isSame(numbers: readonly number[], live: readonly LiveKey[]): boolean {
  return numbers.length === live.length && numbers.every((number, i) => live[i]?.number === number)
}
