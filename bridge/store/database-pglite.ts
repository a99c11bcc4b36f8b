import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { type Database, DatabaseError, type Transaction } from './database.ts'
import type { WorkerReply, WorkerRequest, WorkerStart } from './pglite-protocol.ts'

interface Pending {
  readonly resolve: (rows: object[]) => void
  readonly reject: (error: DatabaseError) => void
}

/** Said by the worker's file as it lies beside this one after compilation. */
const WORKER_FILE = new URL('./pglite-worker.js', import.meta.url)
/** What initdb and the migrations make, made once by the build: in WebAssembly that takes seconds, a copy a fraction of one. */
const EMPTY_CLUSTER = fileURLToPath(new URL('./empty-cluster', import.meta.url))

/**
 * PostgreSQL in this process (PGlite), on a worker thread. One session: whatever is asked while a transaction is open waits for its end.
 * A worker that dies rejects what is pending with code `connection`; the database is opened again by the next statement.
 * @param folder where the data live; a new database when there is none
 */
export async function openPglite(folder: string, logger: Logger): Promise<Database> {
  if (!existsSync(join(folder, 'PG_VERSION'))) await createCluster(folder)
  const database = new PgliteDatabase(folder, logger)
  await database.connect()
  return database
}

/** Appears whole or not at all: a start that was killed half way leaves no half database. */
async function createCluster(folder: string): Promise<void> {
  const unfinished = `${folder}.new`
  await rm(unfinished, { recursive: true, force: true })
  await copyFolder(EMPTY_CLUSTER, unfinished)
  await rename(unfinished, folder)
}

/** `cp` of Node looks at each of the 1,200 files several times, which takes three times as long. */
async function copyFolder(source: string, target: string): Promise<void> {
  await mkdir(target)
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)]
    await (entry.isDirectory() ? copyFolder(from, to) : copyFile(from, to))
  }
}

class PgliteDatabase implements Database {
  readonly kind = 'pglite'
  /** Its folder is locked. */
  readonly isShared = false
  readonly #folder: string
  readonly #logger: Logger
  readonly #pending = new Map<number, Pending>()
  #worker: Promise<Worker> | undefined
  /** The worker that is up; another one than a transaction began with means that its transaction is lost. */
  #running: Worker | undefined
  #lastId = 0
  /** Settles when the transaction that was begun last has ended. */
  #session: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(folder: string, logger: Logger) {
    this.#folder = folder
    this.#logger = logger
  }

  async connect(): Promise<void> {
    await this.#connected()
  }

  async query<Row extends object>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    while (this.#session !== undefined) await this.#session
    return (await this.#send(await this.#connected(), id => ({ id, sql, params }))) as Row[]
  }

  async exec(script: string): Promise<void> {
    while (this.#session !== undefined) await this.#session
    await this.#send(await this.#connected(), id => ({ id, script }))
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    while (this.#session !== undefined) await this.#session
    let end = (): void => {}
    this.#session = new Promise(resolve => {
      end = () => {
        this.#session = undefined
        resolve()
      }
    })
    try {
      return await this.#inTransaction(work)
    } finally {
      end()
    }
  }

  async #inTransaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    // Bound to this worker: after a crash nothing of the transaction may reach the next one.
    const worker = await this.#connected()
    let failed: unknown
    const send = async (request: (id: number) => WorkerRequest): Promise<object[]> => {
      try {
        return await this.#send(worker, request)
      } catch (error) {
        failed ??= error
        throw error
      }
    }
    const tx: Transaction = {
      query: async <Row extends object>(sql: string, params: readonly unknown[] = []) =>
        (await send(id => ({ id, sql, params }))) as Row[],
      exec: async script => void (await send(id => ({ id, script }))),
    }
    // Not waited for: what `work` sends comes after it, and its failure is that of the transaction.
    tx.exec('begin').catch(() => {})
    try {
      const result = await work(tx)
      // PostgreSQL answers `commit` after a failed statement with a rollback, not with an error.
      if (failed !== undefined) throw failed
      await tx.exec('commit')
      return result
    } catch (error) {
      // When the worker is gone there is nothing left to roll back; the first error is the one that matters.
      await tx.exec('rollback').catch(() => {})
      throw error
    }
  }

  #send(worker: Worker, request: (id: number) => WorkerRequest): Promise<object[]> {
    if (worker !== this.#running)
      return Promise.reject(new DatabaseError('connection', 'the embedded database stopped'))
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      worker.postMessage(request(id))
      this.#pending.set(id, { resolve, reject })
    })
  }

  #connected(): Promise<Worker> {
    if (this.#closing !== undefined) return Promise.reject(new DatabaseError('connection', 'the database is closed'))
    this.#worker ??= this.#start()
    return this.#worker
  }

  #start(): Promise<Worker> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(WORKER_FILE, { workerData: { folder: this.#folder } satisfies WorkerStart })
      let cause: Error | undefined
      worker.on('message', (reply: WorkerReply) => {
        if ('ready' in reply) {
          this.#running = worker
          resolve(worker)
        } else this.#settle(reply)
      })
      worker.on('error', error => {
        cause = error
      })
      worker.on('exit', () => {
        const message = `the embedded database stopped${cause === undefined ? '' : `: ${cause.message}`}`
        const error = new DatabaseError('connection', message, { cause })
        this.#running = undefined
        reject(error)
        for (const { reject: rejectPending } of this.#pending.values()) rejectPending(error)
        this.#pending.clear()
        if (this.#closing !== undefined) return
        this.#logger.error({ err: cause }, 'the embedded database stopped unexpectedly')
        this.#worker = undefined
      })
    })
  }

  #settle(reply: Exclude<WorkerReply, { ready: true }>): void {
    const pending = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if ('rows' in reply) pending?.resolve(reply.rows)
    else pending?.reject(new DatabaseError(reply.code, reply.message))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    while (this.#session !== undefined) await this.#session
    const worker = await this.#worker?.catch(() => undefined)
    if (worker === undefined) return
    const exited = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    worker.postMessage({ close: true } satisfies WorkerRequest)
    await exited
  }
}
