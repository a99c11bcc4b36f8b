import { PassThrough, type Readable } from 'node:stream'

/** How often it is told; more would only be noise. */
const INTERVAL_MS = 200

/** Of newline-delimited JSON, in this order: any number of `progress`, then one of the others. */
export type ProgressLine =
  | { readonly progress: { readonly done: number; readonly of: number } }
  | { readonly result: object }
  | { readonly problem: object }

/**
 * Work that takes long, told while it is done: a line for its progress every so often, and at the end one for what came of it.
 * @param problemOf what is told of an error
 */
export function progressLines(
  work: (onProgress: (done: number, of: number) => void) => Promise<object>,
  problemOf: (error: unknown) => object,
): Readable {
  const lines = new PassThrough()
  let toldAt = 0
  const tell = (line: ProgressLine) => lines.write(`${JSON.stringify(line)}\n`)
  const onProgress = (done: number, of: number) => {
    const now = performance.now()
    if (now - toldAt < INTERVAL_MS) return
    toldAt = now
    tell({ progress: { done, of } })
  }
  work(onProgress)
    .then(
      result => tell({ result }),
      error => tell({ problem: problemOf(error) }),
    )
    .finally(() => lines.end())
  return lines
}
