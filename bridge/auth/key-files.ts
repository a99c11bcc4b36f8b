import { randomUUID } from 'node:crypto'
import { link, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'

/** `signing-1.jwk.json`, `signing-2.jwk.json`, …: in the order in which they come to sign. All verify. */
const LIVE = /^signing-(\d{1,6})\.jwk\.json$/
/** Out of use; renamed back it is a key again. Its number is not given to another one. */
const RETIRED = /^retired-(\d{1,6})\.jwk\.json$/

export interface KeyFile {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
  /** Milliseconds; 0 where the file says nothing. A member of our own, RFC 7517 §4 lets verifiers ignore it. */
  readonly signsFrom: number
}

/** Numbers of the live keys, ascending. */
export async function listKeyFiles(folder: string): Promise<number[]> {
  return numbersIn(await readdir(folder), LIVE)
}

export async function nextKeyNumber(folder: string): Promise<number> {
  const names = await readdir(folder)
  return Math.max(0, ...numbersIn(names, LIVE), ...numbersIn(names, RETIRED)) + 1
}

function numbersIn(names: readonly string[], pattern: RegExp): number[] {
  return names
    .map(name => pattern.exec(name))
    .filter(match => match !== null)
    .map(match => Number(match[1]))
    .sort((a, b) => a - b)
}

/** A complete file appears under its name in one step (`link` fails when the name is taken), so the first writer wins and nobody reads half a key. */
export async function writeKeyFile(
  folder: string,
  number: number,
  { algorithm, signsFrom = 0 }: { algorithm: string; signsFrom?: number },
): Promise<void> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = await exportJWK(privateKey)
  const complete = {
    ...jwk,
    alg: algorithm,
    use: 'sig',
    kid: await calculateJwkThumbprint(jwk),
    ...(signsFrom > 0 && { signsFrom }),
  }
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

/** One that another process has retired meanwhile is no error. */
export async function retireKeyFile(folder: string, number: number): Promise<void> {
  try {
    await rename(join(folder, `signing-${number}.jwk.json`), join(folder, `retired-${number}.jwk.json`))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** @throws Error with the path and a remedy */
export async function readKeyFile(path: string, algorithm: string): Promise<KeyFile> {
  try {
    const jwk = JSON.parse(await readFile(path, 'utf8')) as JWK & { signsFrom?: unknown }
    if (jwk.kty !== 'EC' || jwk.crv !== 'P-256' || jwk.d === undefined) throw new Error('not a private P-256 key')
    const kid = await calculateJwkThumbprint(jwk)
    const { kty, crv, x, y, signsFrom } = jwk
    return {
      kid,
      privateKey: (await importJWK(jwk, algorithm)) as CryptoKey,
      publicJwk: { kty, crv, x: x!, y: y!, kid, alg: algorithm, use: 'sig' },
      signsFrom: typeof signsFrom === 'number' ? signsFrom : 0,
    }
  } catch (cause) {
    throw new Error(`the signing key ${path} cannot be used (${(cause as Error).message}); restore it or remove it`, {
      cause,
    })
  }
}
