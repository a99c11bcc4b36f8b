import { memoryOutbox, type OpenOutboxStore, type OutboxEntry, type OutboxStore } from './outbox-store.ts'

const STORE = 'entries'

/** Survives reloads. Where there is no IndexedDB (a private window, say) messages wait in memory, and `isPersistent` says so. */
export const indexedDbOutbox: OpenOutboxStore = async name => {
  try {
    return keptIn(await openDatabase(`trackwire-${name}`))
  } catch {
    return memoryOutbox(name)
  }
}

function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE, { keyPath: 'sequence', autoIncrement: true })
  }
  return answerOf(request)
}

function answerOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function endOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}

function keptIn(database: IDBDatabase): OutboxStore {
  const reading = (): IDBObjectStore => database.transaction(STORE, 'readonly').objectStore(STORE)
  return {
    isPersistent: true,
    async append(entry) {
      const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' })
      const request = transaction.objectStore(STORE).add(entry)
      await endOf(transaction)
      return request.result as number
    },
    read(limit, excluded) {
      return new Promise((resolve, reject) => {
        const found: OutboxEntry[] = []
        const request = reading().openCursor()
        request.onerror = () => reject(request.error)
        request.onsuccess = () => {
          const cursor = request.result
          if (cursor === null || found.length >= limit) return resolve(found)
          if (!excluded.has(cursor.key as number)) found.push(cursor.value as OutboxEntry)
          cursor.continue()
        }
      })
    },
    async remove(sequences) {
      const transaction = database.transaction(STORE, 'readwrite')
      for (const sequence of sequences) transaction.objectStore(STORE).delete(sequence)
      await endOf(transaction)
    },
    async stats() {
      const store = reading()
      const [count, cursor] = await Promise.all([answerOf(store.count()), answerOf(store.openCursor())])
      return { count, oldestAtMs: (cursor?.value as OutboxEntry | undefined)?.queuedAtMs ?? null }
    },
    async close() {
      database.close()
    },
  }
}
