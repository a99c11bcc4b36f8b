/** One line of the Prometheus text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Reads the Prometheus text exposition format; comments and what is no number are passed over. */
export function readMetrics(text: string): Sample[] {
  const samples: Sample[] = []
  for (const line of text.split('\n')) {
    const [, name, said = '', number] = LINE.exec(line) ?? []
    const value = Number(number)
    if (name === undefined || !Number.isFinite(value)) continue
    const labels: Record<string, string> = {}
    for (const [, label, escaped] of said.matchAll(LABEL)) {
      labels[label!] = escaped!.replaceAll(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
    }
    samples.push({ name, labels, value })
  }
  return samples
}

/** The sum of a metric over all of its labels; null when the platform does not offer it. */
export function sumOf(samples: readonly Sample[], name: string): number | null {
  const values = samples.filter(sample => sample.name === name)
  return values.length === 0 ? null : values.reduce((sum, { value }) => sum + value, 0)
}

/** The mean of what a histogram counted between two readings; null when nothing was counted. */
export function meanBetween(before: readonly Sample[], after: readonly Sample[], name: string): number | null {
  const grown = (suffix: string): number =>
    (sumOf(after, `${name}_${suffix}`) ?? 0) - (sumOf(before, `${name}_${suffix}`) ?? 0)
  const count = grown('count')
  return count > 0 ? grown('sum') / count : null
}

/** How fast a counter grew between two readings, a second; null where it is not offered. One that began anew counts from zero. */
export function rateBetween(
  before: readonly Sample[],
  after: readonly Sample[],
  name: string,
  seconds: number,
): number | null {
  const now = sumOf(after, name)
  if (now === null || seconds <= 0) return null
  const then = sumOf(before, name) ?? 0
  return (now >= then ? now - then : now) / seconds
}
