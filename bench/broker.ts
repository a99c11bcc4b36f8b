/**
 * The broker's hot path under load: the platform with tokens, rights, schemas and the engine on, stock Aedes and, when it is
 * installed, Mosquitto, one after the other in every scenario of every repetition. Prints one table of medians; ratios are medians of
 * the ratios within one repetition, which is what to read on a machine that does other work beside.
 *
 *   npm run bench -- [--scenario fan-in,fan-out] [--broker trackwire,mosquitto] [--seconds 3] [--repetitions 3] [--json FILE]
 */
import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { openScope } from '../test/support/scope.ts'
import { BROKER_NAMES, type BrokerName, startBrokerProcess, whyNot } from './load/brokers.ts'
import { printTable, type Run } from './load/print-table.ts'
import { ON_A_SERVER } from './load/read-options.ts'
import { runConnect } from './load/run-connect.ts'
import { runTraffic } from './load/run-traffic.ts'
import { SCENARIOS } from './load/scenarios.ts'

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    broker: { type: 'string' },
    seconds: { type: 'string', default: '3' },
    repetitions: { type: 'string', default: '3' },
    json: { type: 'string', default: 'bench-broker.json' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(
    [
      'npm run bench -- [options]',
      '  --scenario a,b       some of them; all when left out:',
      `                       ${Object.keys(SCENARIOS).join(', ')}`,
      `  --broker a,b         some of ${BROKER_NAMES.join(', ')}`,
      '  --seconds 3          measured per run, after a warm-up (1 to 60)',
      '  --repetitions 3      1 to 9',
      '  --json FILE          where all runs are written',
      ON_A_SERVER,
    ].join('\n'),
  )
  process.exit(0)
}

const scenarioNames = chosen(values.scenario, Object.keys(SCENARIOS), 'scenario')
const brokerNames = chosen(values.broker, BROKER_NAMES, 'broker').filter(name => {
  const reason = whyNot(name)
  if (reason !== null) console.log(`left out: ${reason}`)
  return reason === null
})
const seconds = within('seconds', 1, 60)
const repetitions = within('repetitions', 1, 9)

const runs: Run[] = []
for (let repetition = 1; repetition <= repetitions; repetition += 1) {
  for (const scenario of scenarioNames) {
    for (const broker of brokerNames) await runOnce(scenario, broker, repetition)
  }
}
printTable(runs)
writeFileSync(
  values.json,
  `${JSON.stringify({ node: process.version, cores: cpus().length, cpu: cpus()[0]?.model, runs }, null, 2)}\n`,
)

async function runOnce(name: string, brokerName: BrokerName, repetition: number): Promise<void> {
  const scenario = SCENARIOS[name]!
  if (scenario.brokers !== undefined && !scenario.brokers.includes(brokerName)) return
  // A process of its own for every run: none inherits another's garbage.
  const scope = openScope()
  try {
    const broker = await startBrokerProcess(scope, brokerName)
    const load = loadavg()[0]!
    const figures =
      scenario.shape === 'connect' ? await runConnect(scenario, broker) : await runTraffic(scenario, broker, seconds)
    runs.push({ scenario: name, broker: brokerName, repetition, load, figures })
    const said = ['out/s', 'CPU µs/msg', 'p99 ms'].map(figure => `${figure} ${(figures[figure] ?? NaN).toFixed(2)}`)
    console.error(`${repetition} ${name} ${brokerName}: ${said.join(', ')}`)
  } catch (error) {
    console.error(`${repetition} ${name} ${brokerName}: failed: ${(error as Error).message}`)
    process.exitCode = 1
  } finally {
    await scope.release()
  }
}

function chosen<Name extends string>(text: string | undefined, names: readonly Name[], what: string): readonly Name[] {
  if (text === undefined) return names
  const picked = text.split(',')
  const unknown = picked.find(name => !names.includes(name as Name))
  if (unknown === undefined) return picked as Name[]
  console.error(`there is no ${what} ${unknown}; there are ${names.join(', ')}`)
  process.exit(1)
}

function within(option: 'seconds' | 'repetitions', least: number, most: number): number {
  const value = Number(values[option])
  if (value >= least && value <= most) return value
  console.error(`--${option} is a number from ${least} to ${most}`)
  process.exit(1)
}
