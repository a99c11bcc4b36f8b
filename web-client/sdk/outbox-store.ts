import type { Channel } from './channels.ts'

/** A message that waits until the platform has acknowledged it. */
export interface OutboxEntry {
  /** Counts up, and never again from the start: a number that is missing in the history is a message that was given up. */
  readonly sequence: number
  readonly channel: Channel
  readonly params: Readonly<Record<string, string>>
  readonly payload: unknown
  readonly queuedAtMs: number
}
export type NewEntry = Omit<OutboxEntry, 'sequence'>

/** Where messages wait. Another kind of storage is another one of these. */
export interface OutboxStore {
  /** Whether it survives the end of the page or process. */
  readonly isPersistent: boolean
  /** Resolves when it is kept, with its sequence number. */
  append(entry: NewEntry): Promise<number>
  /** The oldest ones, in their order, without those that are excluded. */
  read(limit: number, excluded: ReadonlySet<number>): Promise<OutboxEntry[]>
  remove(sequences: readonly number[]): Promise<void>
  stats(): Promise<{ readonly count: number; readonly oldestAtMs: number | null }>
  close(): Promise<void>
}
/** @param name tells principals apart: what one has queued is never sent by another */
export type OpenOutboxStore = (name: string) => Promise<OutboxStore>

/** Lost with the page or process. */
export const memoryOutbox: OpenOutboxStore = async () => {
  const entries = new Map<number, OutboxEntry>()
  let newest = 0
  return {
    isPersistent: false,
    async append(entry) {
      newest += 1
      entries.set(newest, { ...entry, sequence: newest })
      return newest
    },
    async read(limit, excluded) {
      const found: OutboxEntry[] = []
      for (const entry of entries.values()) {
        if (found.length >= limit) break
        if (!excluded.has(entry.sequence)) found.push(entry)
      }
      return found
    },
    async remove(sequences) {
      for (const sequence of sequences) entries.delete(sequence)
    },
    async stats() {
      const [oldest] = entries.values()
      return { count: entries.size, oldestAtMs: oldest?.queuedAtMs ?? null }
    },
    async close() {},
  }
}
