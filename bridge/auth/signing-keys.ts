import { randomUUID } from 'node:crypto'
import { chmod, link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'

/** The algorithm of the keys we make ourselves. */
const ALGORITHM = 'ES256'
/** `signing-1.jwk.json`, `signing-2.jwk.json`, …: the highest number signs, all verify. */
const FILE_NAME = /^signing-(\d{1,6})\.jwk\.json$/

export interface SigningKeys {
  /** The newest key: the one that signs. `kid` is its RFC 7638 thumbprint. */
  readonly signing: { readonly kid: string; readonly algorithm: string; readonly privateKey: CryptoKey }
  /** All public keys as a JWK Set, RFC 7517 §5. Never holds a private part. */
  jwks(): { readonly keys: readonly JWK[] }
}

/**
 * Opens the signing keys of an installation, and makes the first one when there is none.
 * Processes that start together on an empty folder end up with the same key.
 * @param dataDirectory keys lie in its `keys/` folder (mode 0700, files 0600)
 * @throws Error in one plain sentence when a key file cannot be read
 */
export async function openSigningKeys(dataDirectory: string): Promise<SigningKeys> {
  const folder = join(dataDirectory, 'keys')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  if ((await keyNumbers(folder)).length === 0) await writeNewKey(folder, 1)
  return loadKeys(folder)
}

/** Adds a key that signs from the next start on; tokens of the older keys stay valid until their files are removed. */
export async function rotateSigningKey(dataDirectory: string): Promise<SigningKeys> {
  const folder = join(dataDirectory, 'keys')
  await openSigningKeys(dataDirectory)
  await writeNewKey(folder, Math.max(...(await keyNumbers(folder))) + 1)
  return loadKeys(folder)
}

async function keyNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder)
  return names
    .map(name => FILE_NAME.exec(name))
    .filter(match => match !== null)
    .map(match => Number(match[1]))
    .sort((a, b) => a - b)
}

/** A complete file appears under its name in one step (`link` fails when the name is taken), so the first writer wins and nobody reads half a key. */
async function writeNewKey(folder: string, number: number): Promise<void> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  const jwk = await exportJWK(privateKey)
  const complete = { ...jwk, alg: ALGORITHM, use: 'sig', kid: await calculateJwkThumbprint(jwk) }
  const draft = join(folder, `.draft-${randomUUID()}`)
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(complete, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(draft, join(folder, `signing-${number}.jwk.json`))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
}

async function loadKeys(folder: string): Promise<SigningKeys> {
  const publicKeys: JWK[] = []
  let signing: SigningKeys['signing'] | undefined
  for (const number of await keyNumbers(folder)) {
    const path = join(folder, `signing-${number}.jwk.json`)
    const { jwk, privateKey } = await readKey(path)
    const kid = await calculateJwkThumbprint(jwk)
    signing = { kid, algorithm: ALGORITHM, privateKey }
    publicKeys.push({ kty: jwk.kty!, crv: jwk.crv!, x: jwk.x!, y: jwk.y!, kid, alg: ALGORITHM, use: 'sig' })
  }
  if (signing === undefined) throw new Error(`no signing key could be made in ${folder}; check that it can be written`)
  return { signing, jwks: () => ({ keys: publicKeys }) }
}

async function readKey(path: string): Promise<{ jwk: JWK; privateKey: CryptoKey }> {
  try {
    const jwk = JSON.parse(await readFile(path, 'utf8')) as JWK
    if (jwk.kty !== 'EC' || jwk.crv !== 'P-256' || jwk.d === undefined) throw new Error('not a private P-256 key')
    return { jwk, privateKey: (await importJWK(jwk, ALGORITHM)) as CryptoKey }
  } catch (cause) {
    throw new Error(`the signing key ${path} cannot be used (${(cause as Error).message}); restore it or remove it`, {
      cause,
    })
  }
}
