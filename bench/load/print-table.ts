import type { BrokerName } from './brokers.ts'
import type { Figures } from './run-traffic.ts'

export interface Run {
  readonly scenario: string
  readonly broker: BrokerName
  readonly repetition: number
  /** Of the machine when it began. */
  readonly load: number
  readonly figures: Figures
}

const COLUMNS = [
  'out/s',
  'CPU µs/msg',
  'broker cores',
  'generator cores',
  'p50 ms',
  'p99 ms',
  'kB/connection',
  'delivered share',
  'stuck publishers',
  'closed connections',
]
/** What the others are held against. */
const REFERENCE: BrokerName = 'mosquitto'

/** One line for each scenario and broker, the ratios first. Markdown, so that it can be put into the documentation as it is. */
export function printTable(runs: readonly Run[]): void {
  const rows = [['scenario', 'broker', 'runs', 'x out/s', 'x CPU', ...COLUMNS]]
  for (const scenario of new Set(runs.map(run => run.scenario))) {
    for (const broker of new Set(runs.map(run => run.broker))) {
      const own = runs.filter(run => run.scenario === scenario && run.broker === broker)
      if (own.length === 0) continue
      const ratio = (figure: string) => shown(median(own.map(run => ratioOf(runs, run, figure))))
      const figures = COLUMNS.map(figure => shown(median(own.map(run => run.figures[figure] ?? Number.NaN))))
      rows.push([scenario, broker, String(own.length), ratio('out/s'), ratio('CPU µs/msg'), ...figures])
    }
  }
  for (const [i, row] of rows.entries()) {
    console.log(`| ${row.join(' | ')} |`)
    if (i === 0) console.log(`|${row.map(() => '---').join('|')}|`)
  }
}

/** Against the reference in the same repetition. */
function ratioOf(runs: readonly Run[], { scenario, repetition, figures }: Run, figure: string): number {
  const other = runs.find(run => run.scenario === scenario && run.repetition === repetition && run.broker === REFERENCE)
  return (figures[figure] ?? Number.NaN) / (other?.figures[figure] ?? Number.NaN)
}

function median(values: readonly number[]): number {
  const sorted = values.filter(value => !Number.isNaN(value)).sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function shown(value: number): string {
  if (Number.isNaN(value)) return ''
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 100 ? 0 : 2)
}
