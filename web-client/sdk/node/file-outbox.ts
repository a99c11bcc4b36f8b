import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenOutboxStore, OutboxEntry } from '../outbox-store.ts'

/** Rewritten when it holds so many lines, and most of them say nothing any more. */
const COMPACT_ABOVE_LINES = 2_000

/** One line of the file: a message that waits, messages that are done, or the newest number so far. */
type Line = { readonly add: OutboxEntry } | { readonly done: readonly number[] } | { readonly newest: number }

/** Messages wait in a file of this folder, one for each principal; a line counts once it is written whole and flushed. */
export function fileOutbox(folder: string): OpenOutboxStore {
  return async name => {
    await mkdir(folder, { recursive: true })
    const path = join(folder, `${encodeURIComponent(name)}.jsonl`)
    const entries = new Map<number, OutboxEntry>()
    let newest = 0
    for (const line of await readLines(path)) {
      if ('add' in line) entries.set(line.add.sequence, line.add)
      if ('done' in line) for (const sequence of line.done) entries.delete(sequence)
      newest = Math.max(newest, 'add' in line ? line.add.sequence : 'newest' in line ? line.newest : 0)
    }
    const journal = await openJournal(path, () => linesOf(newest, entries.values()))
    return {
      isPersistent: true,
      async append(entry) {
        newest += 1
        const added = { ...entry, sequence: newest }
        entries.set(added.sequence, added)
        await journal.write({ add: added })
        return added.sequence
      },
      async read(limit, excluded) {
        return [...entries.values()].filter(({ sequence }) => !excluded.has(sequence)).slice(0, limit)
      },
      async remove(sequences) {
        for (const sequence of sequences) entries.delete(sequence)
        await journal.write({ done: sequences })
      },
      async stats() {
        const [oldest] = entries.values()
        return { count: entries.size, oldestAtMs: oldest?.queuedAtMs ?? null }
      },
      close: () => journal.close(),
    }
  }
}

function linesOf(newest: number, entries: Iterable<OutboxEntry>): Line[] {
  return [{ newest }, ...[...entries].map(add => ({ add }))]
}

async function readLines(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  // What stands behind the last line end was being written when the process ended: it was never taken for kept.
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Line)
}

/** Lines that come while others are being flushed are flushed together. */
async function openJournal(path: string, current: () => Line[]) {
  let lines = current().length
  let file = await rewrite(path, current())
  let pending: string[] = []
  let flushed: Promise<void> = Promise.resolve()
  let next: Promise<void> | null = null

  const flush = async (): Promise<void> => {
    const batch = pending
    pending = []
    next = null
    await file.appendFile(batch.join(''))
    await file.datasync()
    lines += batch.length
    const wanted = current()
    if (lines < COMPACT_ABOVE_LINES || lines < 2 * wanted.length) return
    await file.close()
    file = await rewrite(path, wanted)
    lines = wanted.length
  }
  return {
    write(line: Line): Promise<void> {
      pending.push(`${JSON.stringify(line)}\n`)
      // A fault of the disk is told to those whose lines it concerns; the next ones are tried again.
      next ??= flushed.catch(() => undefined).then(flush)
      flushed = next
      return next
    },
    async close(): Promise<void> {
      await flushed.catch(() => undefined)
      await file.close()
    },
  }
}

async function rewrite(path: string, lines: readonly Line[]): Promise<FileHandle> {
  await writeFile(`${path}.new`, lines.map(line => `${JSON.stringify(line)}\n`).join(''), { flush: true })
  await rename(`${path}.new`, path)
  return open(path, 'a')
}
