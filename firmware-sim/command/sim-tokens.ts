import { readFile } from 'node:fs/promises'
import type { SimSettings } from './sim-settings.ts'
import { UsageError } from './sim-settings.ts'

/** Mints a device token with the local signing key; given by the command line program, which knows the data folder. */
export type MintToken = (deviceId: string, org: string) => string | Promise<string>

export interface TokenSource {
  /** A token that says something of the run as a whole: its organisation, and the device of a device token. */
  readonly sample: string | undefined
  tokenFor(deviceId: string, index: number, org: string): Promise<string>
}

/** Trackers that speak their maker's protocol have none. */
export const NO_TOKENS: TokenSource = { sample: undefined, tokenFor: async () => '' }

/** Where the tokens come from: the command line, a file, or the local key. */
export async function openTokens(settings: SimSettings, mintToken: MintToken | undefined): Promise<TokenSource> {
  const { token, tokenFile } = settings
  if (token !== undefined) return { sample: token, tokenFor: async () => token }
  if (tokenFile !== undefined) return readTokenFile(tokenFile)
  if (mintToken === undefined) throw new UsageError('Give --token JWT or --token-file FILE.')
  return { sample: undefined, tokenFor: async (deviceId, _index, org) => mintToken(deviceId, org) }
}

async function readTokenFile(path: string): Promise<TokenSource> {
  let text: string
  try {
    text = (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw new UsageError(`The token file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
  if (text === '') throw new UsageError(`The token file ${path} is empty.`)
  if (text.startsWith('{')) return tokensByDevice(text, path)
  const lines = text.split(/\s+/)
  return {
    sample: lines[0],
    async tokenFor(deviceId, index) {
      const token = lines.length === 1 ? lines[0] : lines[index]
      if (token === undefined) {
        throw new UsageError(`The token file ${path} has ${lines.length} tokens, none is left for ${deviceId}.`)
      }
      return token
    },
  }
}

function tokensByDevice(text: string, path: string): TokenSource {
  let tokens: Map<string, unknown>
  try {
    tokens = new Map(Object.entries(JSON.parse(text) as Record<string, unknown>))
  } catch (error) {
    throw new UsageError(`The token file ${path} is not JSON: ${(error as Error).message}.`)
  }
  const sample = [...tokens.values()].find(token => typeof token === 'string')
  return {
    sample,
    async tokenFor(deviceId) {
      const token = tokens.get(deviceId)
      if (typeof token !== 'string') throw new UsageError(`The token file ${path} has no token for ${deviceId}.`)
      return token
    },
  }
}
