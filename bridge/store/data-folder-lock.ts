import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'

/** Who holds a data folder, as written into `lock.json`. */
export interface DataFolderHolder {
  readonly pid: number
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number
  /** Where its HTTP API answers, once it listens: `http://127.0.0.1:8080`. */
  readonly httpAddress?: string
}

export interface DataFolderLock {
  /** Tells other processes (the command line) where the platform answers. */
  setHttpAddress(httpAddress: string): Promise<void>
  /** Gives the folder free. Idempotent. */
  close(): Promise<void>
}

/** The folder is in use by another process (or by this one). */
export class DataFolderInUseError extends Error {
  override readonly name = 'DataFolderInUseError'
  readonly holder: DataFolderHolder | null
  constructor(dataDirectory: string, holder: DataFolderHolder | null) {
    const who = holder === null ? 'another process' : `process ${holder.pid}`
    super(
      `the data folder ${dataDirectory} is in use by ${who}: stop that process, or set TRACKWIRE_DATA to another folder`,
    )
    this.holder = holder
  }
}

/** A reader holds the lock for an instant, to learn whether anybody does: try again before giving up. */
const ATTEMPTS = 4
const ATTEMPT_PAUSE_MS = 150

/**
 * Takes the data folder for this process alone. The embedded database and the broker's store would be damaged by a second writer.
 *
 * The lock is the one an empty LevelDB takes on its folder: an advisory lock of the operating system (fcntl, or LockFile
 * on Windows), which the kernel drops when the process dies in whatever way. So there is no stale lock to take over, and a
 * reused pid, or the same pid in another container on the same volume, cannot be mistaken for the holder. `lock.json`
 * beside it only tells people and the command line who that is.
 * @throws DataFolderInUseError
 */
export async function acquireDataFolder(
  dataDirectory: string,
  { pid, now = Date.now }: { pid: number; now?: () => number },
): Promise<DataFolderLock> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  const lock = await lockPatiently(dataDirectory)
  if (lock === null) throw new DataFolderInUseError(dataDirectory, await readHolder(dataDirectory))
  let holder: DataFolderHolder = { pid, startedAt: now() }
  let closing: Promise<void> | undefined
  try {
    await writeHolder(dataDirectory, holder)
  } catch (error) {
    await lock.close()
    throw error
  }
  return {
    async setHttpAddress(httpAddress) {
      holder = { ...holder, httpAddress }
      await writeHolder(dataDirectory, holder)
    },
    close() {
      closing ??= rm(holderFile(dataDirectory), { force: true }).finally(() => lock.close())
      return closing
    },
  }
}

/** Who holds the data folder now, or null when nobody does (also when a process died without cleaning up). */
export async function readLock(dataDirectory: string): Promise<DataFolderHolder | null> {
  const holder = await readHolder(dataDirectory)
  if (holder === null) return null
  const lock = await tryLock(dataDirectory)
  if (lock === null) return holder
  await lock.close()
  return null
}

async function lockPatiently(dataDirectory: string): Promise<ClassicLevel | null> {
  for (let attempt = 1; ; attempt++) {
    const lock = await tryLock(dataDirectory)
    if (lock !== null || attempt === ATTEMPTS) return lock
    await delay(ATTEMPT_PAUSE_MS)
  }
}

async function tryLock(dataDirectory: string): Promise<ClassicLevel | null> {
  const level = new ClassicLevel(join(dataDirectory, 'lock'))
  try {
    await level.open()
    return level
  } catch (error) {
    await level.close()
    if (((error as Error).cause as { code?: string } | undefined)?.code === 'LEVEL_LOCKED') return null
    throw error
  }
}

function holderFile(dataDirectory: string): string {
  return join(dataDirectory, 'lock.json')
}

async function readHolder(dataDirectory: string): Promise<DataFolderHolder | null> {
  try {
    return JSON.parse(await readFile(holderFile(dataDirectory), 'utf8')) as DataFolderHolder
  } catch {
    return null
  }
}

async function writeHolder(dataDirectory: string, holder: DataFolderHolder): Promise<void> {
  const file = holderFile(dataDirectory)
  // A rename is atomic: a reader sees the old or the new content, never half of it.
  await writeFile(`${file}.new`, `${JSON.stringify(holder)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
}
