import { createTokens, type Database, migrate, openSigningKeys, readLock } from '../bridge/index.ts'
import { askPlatform, type FileBody, type PlatformAnswer } from './ask-platform.ts'
import { CLI_ACTOR } from './cli-actor.ts'
import type { Config } from './config.ts'
import { createLogger } from './logger.ts'
import { withDatabase } from './with-database.ts'

/** Asks the running platform as an administrator of the organisation. `body` is POSTed unless a method is named; without one it is a GET. */
export type AskRunning = (path: string, body?: unknown | FileBody, method?: 'PATCH') => Promise<Record<string, unknown>>

/** The platform said no, in a sentence of its own. */
export class RefusedByPlatform extends Error {
  override readonly name = 'RefusedByPlatform'
  /** The whole problem document. */
  readonly answer: Readonly<Record<string, unknown>>
  constructor(address: string, status: number, answer: PlatformAnswer['answer']) {
    super(`the platform at ${address} refused: ${answer.detail ?? `HTTP status ${status}`}`)
    this.answer = answer
  }
}

/**
 * Works through the running platform where there is one, since it owns the embedded database; else straight on the database.
 * @throws RefusedByPlatform
 */
export async function withPlatformOrDatabase<T>(
  config: Config,
  { org, signal }: { org: string; signal: AbortSignal },
  work: { running(ask: AskRunning): Promise<T>; stopped(db: Database): Promise<T> },
): Promise<T> {
  const holder = await readLock(config.dataDirectory)
  const address = holder?.httpAddress
  if (address === undefined) {
    const logger = createLogger({ logLevel: 'warn', logFormat: config.logFormat })
    return withDatabase(config, logger, async db => {
      await migrate(db)
      return work.stopped(db)
    })
  }
  const tokens = createTokens(await openSigningKeys(config.dataDirectory))
  return work.running(async (path, body, method) => {
    const token = await tokens.mint({ org, sub: CLI_ACTOR, role: 'admin', ttlSeconds: 60 })
    const { status, answer } = await askPlatform({ address, path, token, body, method, cert: config.tls?.cert, signal })
    if (status >= 300) throw new RefusedByPlatform(address, status, answer)
    return answer
  })
}
