/**
 * The database as the rest of the platform sees it: PostgreSQL, embedded (PGlite in a worker thread) or a server.
 * Same SQL, same migrations on both. `bigint` columns come back as JavaScript numbers (all of ours are below 2^53),
 * `jsonb` as values, arrays as arrays.
 */
export interface Queryable {
  /** Runs one statement with `$1`-style parameters. JSON values are passed as `JSON.stringify` text with a `::jsonb` cast. */
  query<Row extends object = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<Row[]>
}

export interface Transaction extends Queryable {
  /** Runs several statements without parameters (migrations). */
  exec(sql: string): Promise<void>
}

export interface Database extends Transaction {
  readonly kind: 'pglite' | 'postgres'
  /** Other processes write to it, too: what they changed, and what is due of it, has to be asked for. */
  readonly isShared: boolean
  /**
   * Runs `work` in one transaction; commits when it resolves, rolls back and rethrows when it rejects. Inside `work` use
   * `tx` only: the embedded database has one session, so a statement on the database itself would wait for ever.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** What a failed statement is rejected with: `code` is the SQLSTATE (PostgreSQL manual, appendix A), or `connection` when the server is gone. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  readonly code: string
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}
