import { type ParseArgsConfig, parseArgs } from 'node:util'

/** For the help of those that start the platform as it is run. */
export const ON_A_SERVER = 'DATABASE_URL has the platform store in a PostgreSQL server.'

/**
 * The options of a benchmark. `--help` tells them, and ends the process.
 * @param script its name in package.json
 * @param defaults by the name of the option
 * @param about further lines of the help
 */
export function readOptions<Name extends string>(
  script: string,
  defaults: Readonly<Record<Name, string>>,
  about: readonly string[] = [],
): Readonly<Record<Name, string>> {
  const options: ParseArgsConfig['options'] = { help: { type: 'boolean' } }
  for (const name in defaults) options[name] = { type: 'string', default: defaults[name] }
  const { help, ...values } = parseArgs({ options }).values
  if (help === true) {
    const usage = Object.entries(defaults).map(([name, value]) => `[--${name} ${value}]`)
    console.log([`npm run ${script} -- ${usage.join(' ')}`, ...about].join('\n'))
    process.exit(0)
  }
  return values as Readonly<Record<Name, string>>
}
