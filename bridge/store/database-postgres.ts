import pg from 'pg'
import type { Logger } from 'pino'
import { type Database, DatabaseError, type Queryable, type Transaction } from './database.ts'

/** How long a new connection may take before the server counts as unreachable. */
const CONNECT_TIMEOUT_MS = 10_000
const MIN_SERVER_VERSION = 130_000

const INT8 = 20
const types = {
  getTypeParser: ((oid: number, format?: string) =>
    // Our bigints are below 2^53: times in milliseconds and counters.
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
}

/**
 * A PostgreSQL server (13 or newer) through a pool of connections.
 * @throws DatabaseError `connection` when it cannot be reached, its SQLSTATE when it refuses us
 */
export async function openPostgres(url: string, logger: Logger): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: 10,
    // Statements that do not wait for each other are on their way together.
    pipeline: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'trackwire',
    // A server that vanished without a word is noticed by the operating system.
    keepAlive: true,
  })
  // An idle connection that breaks; the pool replaces it, so it is only worth a line.
  pool.on('error', error => logger.warn({ err: error }, 'a database connection broke'))
  const database = new PostgresDatabase(pool)
  try {
    const [row] = await database.query<{ version: number }>(
      `select current_setting('server_version_num')::int as version`,
    )
    if (row!.version < MIN_SERVER_VERSION) {
      throw new DatabaseError('0A000', `PostgreSQL 13 or newer is needed, the server has ${row!.version}`)
    }
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

class PostgresDatabase implements Database {
  readonly kind = 'postgres'
  readonly isShared = true
  readonly #pool: pg.Pool
  #closing: Promise<void> | undefined

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  query<Row extends object>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    return this.#withClient(client => client.query<Row>(sql, params))
  }

  exec(script: string): Promise<void> {
    return this.#withClient(client => client.exec(script))
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#withClient(async client => {
      let failed: unknown
      const note = (error: unknown): never => {
        failed ??= error
        throw error
      }
      // Not waited for: what `work` sends comes after it, and its failure is that of the transaction.
      client
        .exec('begin')
        .catch(note)
        .catch(() => {})
      try {
        const result = await work({
          query: (sql, params) => client.query<never>(sql, params).catch(note),
          exec: script => client.exec(script).catch(note),
        })
        // PostgreSQL answers `commit` after a failed statement with a rollback, not with an error.
        if (failed !== undefined) throw failed
        await client.exec('commit')
        return result
      } catch (error) {
        // When the connection is gone the server has rolled back; the first error is the one that matters.
        await client.exec('rollback').catch(() => {})
        throw error
      }
    })
  }

  async #withClient<T>(work: (client: Transaction) => Promise<T>): Promise<T> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (cause) {
      throw databaseError(cause)
    }
    let broken: Error | undefined
    // A client that is checked out reports a lost connection here as well; without a listener it would be uncaught.
    const onError = (error: Error): void => {
      broken = error
    }
    client.on('error', onError)
    try {
      return await work(transactionOn(client))
    } catch (error) {
      if (error instanceof DatabaseError && error.code === 'connection') broken ??= error
      throw error
    } finally {
      client.off('error', onError)
      client.release(broken)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#pool.end()
    return this.#closing
  }
}

function transactionOn(client: pg.PoolClient): Transaction {
  const query: Queryable['query'] = async <Row extends object>(sql: string, params: readonly unknown[] = []) => {
    try {
      return (await client.query<Row>(sql, params as unknown[])).rows
    } catch (cause) {
      throw databaseError(cause)
    }
  }
  return { query, exec: async script => void (await query(script)) }
}

function databaseError(cause: unknown): DatabaseError {
  if (cause instanceof DatabaseError) return cause
  const { code, message } = cause as { code?: unknown; message: string }
  if (cause instanceof pg.DatabaseError && typeof code === 'string') return new DatabaseError(code, message, { cause })
  // Everything else pg rejects with is about the connection: refused, reset, timed out, ended.
  return new DatabaseError('connection', `the database cannot be reached: ${message || String(code)}`, { cause })
}
