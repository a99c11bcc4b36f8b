import type { LocationUpdate } from '../contract/index.ts'

/** Fixes waiting for the link, oldest first, in bounded memory as a tracker's flash is bounded. */
export interface FixBuffer {
  readonly size: number
  /** Fixes lost because the buffer was full; the oldest go first. */
  readonly dropped: number
  add(fix: LocationUpdate): void
  /** Takes the oldest fixes out, up to `count` of them and `maxBytes` of JSON; at least one if there is one. */
  take(count: number, maxBytes: number): LocationUpdate[]
}

/** @param capacity fixes it holds before the oldest are lost */
export function createFixBuffer(capacity: number): FixBuffer {
  const fixes: LocationUpdate[] = []
  let dropped = 0
  return {
    get size() {
      return fixes.length
    },
    get dropped() {
      return dropped
    },
    add(fix) {
      // Nearly always the newest; a fix that comes back from a failed send finds its old place.
      let i = fixes.length
      while (i > 0 && fixes[i - 1]!.timestamp > fix.timestamp) i -= 1
      fixes.splice(i, 0, fix)
      if (fixes.length > capacity) {
        fixes.shift()
        dropped += 1
      }
    },
    take(count, maxBytes) {
      let bytes = 2
      let n = 0
      while (n < Math.min(count, fixes.length)) {
        bytes += Buffer.byteLength(JSON.stringify(fixes[n])) + 1
        if (bytes > maxBytes && n > 0) break
        n += 1
      }
      return fixes.splice(0, n)
    },
  }
}
