import { type ParseArgsConfig, parseArgs } from 'node:util'

type Option = { readonly type: 'string'; readonly default: string }

/**
 * The options of a benchmark, each with a default. `--help` tells them, and ends the process.
 * @param script its name in package.json
 * @param about further lines of the help
 */
export function readOptions<Options extends Readonly<Record<string, Option>>>(
  script: string,
  options: Options,
  about: readonly string[] = [],
): { readonly [Name in keyof Options]: string } {
  const known: ParseArgsConfig['options'] = { ...options, help: { type: 'boolean' } }
  const { help, ...values } = parseArgs({ options: known }).values
  if (help === true) {
    const defaults = Object.entries(options).map(([name, option]) => `[--${name} ${option.default}]`)
    console.log([`npm run ${script} -- ${defaults.join(' ')}`, ...about].join('\n'))
    process.exit(0)
  }
  return values as { readonly [Name in keyof Options]: string }
}
