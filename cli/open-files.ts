import { readFileSync } from 'node:fs'

/** A connection is a file to the system. Below this a fleet of ten thousand does not fit. */
const ENOUGH = 16_384

/**
 * How many files this process may have open, connections included; undefined where the system does not tell. Node raises the soft limit
 * to the hard one by itself when it starts.
 */
export function mostOpenFiles(read = () => readFileSync('/proc/self/limits', 'utf8')): number | undefined {
  let text: string
  try {
    text = read()
  } catch {
    return undefined
  }
  const [, soft] = /^Max open files\s+(\S+)/m.exec(text) ?? []
  if (soft === undefined) return undefined
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** What to do about a limit that a fleet will meet; undefined when it is high enough, or not known. */
export function tooFewOpenFiles(most = mostOpenFiles()): string | undefined {
  if (most === undefined || most >= ENOUGH) return undefined
  return (
    `at most ${most} files may be open, and every connection is one; raise the limit before the start: ` +
    'ulimit -n 65536 in a shell, LimitNOFILE=65536 in a systemd unit, --ulimit nofile=65536 for a container'
  )
}
