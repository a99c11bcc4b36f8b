import { parentPort, workerData } from 'node:worker_threads'
import { PGlite, types } from '@electric-sql/pglite'
import type { WorkerReply, WorkerRequest, WorkerStart } from './pglite-protocol.ts'
import { PreparedStatements } from './prepared-statements.ts'

/**
 * The embedded database, on a thread of its own so that the event loop of the broker never waits for a query.
 * Runs in a worker; see database-pglite.ts for the other side.
 */
const port = parentPort!
const { folder } = workerData as WorkerStart
// Our bigints are below 2^53: times in milliseconds and counters.
const options = { parsers: { [types.INT8]: Number } }
const db = await PGlite.create(folder, { parsers: options.parsers })
const prepared = new PreparedStatements(db)
const say = (reply: WorkerReply): void => port.postMessage(reply)

async function answer(request: Exclude<WorkerRequest, { close: true }>): Promise<void> {
  try {
    if ('script' in request) {
      await db.exec(request.script)
      say({ id: request.id, rows: [] })
    } else {
      say({ id: request.id, rows: await query(request.sql, request.params) })
    }
  } catch (cause) {
    if (isFatal(cause)) {
      // PGlite would answer nothing ever again: end this thread, so that the other side opens the database anew.
      queueMicrotask(() => {
        throw cause
      })
      return
    }
    const { code, message } = cause as { code?: string; message: string }
    // Without an SQLSTATE it was a parameter that does not fit its type: a fault of the data.
    say({ id: request.id, code: code ?? '22000', message })
  }
}

/** Whole columns are what every group of fixes stores. */
async function query(sql: string, params: readonly unknown[]): Promise<object[]> {
  if (params.some(param => param instanceof Uint8Array)) return prepared.query(sql, params)
  return (await db.query<object>(sql, params as unknown[], options)).rows
}

/** The session is over: a server's backend process would end here. */
function isFatal(cause: unknown): boolean {
  const { name, severity, message } = cause as { name?: string; severity?: string; message: string }
  // The last one is what PostgreSQL panics with after a stack overflow; PGlite does not always give it its severity.
  return (
    severity === 'PANIC' || severity === 'FATAL' || name === 'RuntimeError' || message.startsWith('ERRORDATA_STACK')
  )
}

// PGlite runs one statement at a time and keeps the order of the calls.
port.on('message', (request: WorkerRequest) => {
  if ('close' in request) {
    db.close().finally(() => port.close())
  } else {
    void answer(request)
  }
})
say({ ready: true })
