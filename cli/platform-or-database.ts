import { createTokens, type Database, migrate, openSigningKeys, readLock } from '../bridge/index.ts'
import { askPlatform } from './ask-platform.ts'
import { CLI_ACTOR } from './cli-actor.ts'
import type { Config } from './config.ts'
import { createLogger } from './logger.ts'
import { withDatabase } from './with-database.ts'

/** Asks the running platform as an administrator of the organisation. `body` is POSTed; without one it is a GET. */
export type AskRunning = (path: string, body?: unknown) => Promise<Record<string, unknown>>

/**
 * Works through the running platform where there is one, since it owns the embedded database; else straight on the database.
 * @throws Error with the platform's own sentence when it refuses
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
  return work.running(async (path, body) => {
    const token = await tokens.mint({ org, sub: CLI_ACTOR, role: 'admin', ttlSeconds: 60 })
    const { status, answer } = await askPlatform({ address, path, token, body, cert: config.tls?.cert, signal })
    if (status >= 300)
      throw new Error(`the platform at ${address} refused: ${answer.detail ?? `HTTP status ${status}`}`)
    return answer
  })
}
