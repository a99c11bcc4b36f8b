/**
 * The database as the rest of the platform sees it: PostgreSQL, embedded (PGlite in a worker thread) or a server.
 * Same SQL, same migrations on both. `bigint` columns come back as JavaScript numbers (all of ours are below 2^53),
 * `jsonb` as values, arrays as arrays.
 */
export interface Queryable {
  /** Runs one statement with `$1`-style parameters. JSON values are passed as `JSON.stringify` text with a `::jsonb` cast. */
  query<Row extends object = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<Row[]>
}

export interface Database extends Queryable {
  readonly kind: 'pglite' | 'postgres'
  /** Runs `work` in one transaction; commits when it resolves, rolls back and rethrows when it rejects. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
  /** Runs several statements without parameters (migrations). */
  exec(sql: string): Promise<void>
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
