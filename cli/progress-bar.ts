const WIDTH = 30
const INTERVAL_MS = 200
/** Where lines stay, as in a log. */
const LINE_INTERVAL_MS = 5_000

export interface ProgressBar {
  readonly tell: (done: number, of: number) => void
  /** Before anything else is written. */
  end(): void
}

/** How far the work on some fixes is: one line that moves on a terminal, a line every few seconds elsewhere. */
export function progressBar(stream: NodeJS.WritableStream, now: () => number = () => performance.now()): ProgressBar {
  const moves = (stream as { isTTY?: boolean }).isTTY === true
  const intervalMs = moves ? INTERVAL_MS : LINE_INTERVAL_MS
  let toldAt = moves ? Number.NEGATIVE_INFINITY : now()
  let isShown = false
  return {
    tell(done, of) {
      if (of <= 0 || now() - toldAt < intervalMs) return
      toldAt = now()
      const share = Math.min(1, done / of)
      const full = Math.round(share * WIDTH)
      const bar = `[${'='.repeat(full)}${' '.repeat(WIDTH - full)}]`
      const text = `${bar} ${Math.floor(share * 100)} %, ${done} of ${of} fixes`
      stream.write(moves ? `\r${text}\x1b[K` : `${text}\n`)
      isShown = moves
    },
    end() {
      if (isShown) stream.write('\r\x1b[K')
      isShown = false
    },
  }
}
