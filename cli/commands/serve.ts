import { parseArgs } from 'node:util'
import type { Logger } from 'pino'
import type { Command, CommandContext } from '../command.ts'
import { readConfig, SETTINGS, unknownVariables } from '../config.ts'
import { createLogger } from '../logger.ts'
import { tooFewOpenFiles } from '../open-files.ts'
import { type Platform, startPlatform } from '../start-platform.ts'

/** How long a graceful stop may take before it is given up. */
const DRAIN_MS = 20_000

export const SETTINGS_HELP = Object.values(SETTINGS)
  .map(
    ({ name, default: fallback, description }) =>
      `  ${name.padEnd(43)} ${description}${fallback === '' ? '' : ` [${fallback}]`}`,
  )
  .join('\n')

export const serveCommand: Command = {
  help: `Usage: trackwire serve [--config FILE]

Runs the whole platform in one process until SIGINT or SIGTERM. The first signal drains: it stops accepting, commits what
is in flight, announces it and closes; a second one stops at once. The addresses that really listen are printed.
With TLS, changed certificate files are taken into use within seconds, at SIGHUP at once.

  --config FILE   read settings from FILE, lines of NAME=value
  --help          this text

Settings (environment, then --config FILE, then .env in the current folder) [default]:
${SETTINGS_HELP}

Exit codes: 0 stopped in order, 1 failed, 2 a mistake in the call or the configuration.
`,
  async run(args, context) {
    parseArgs({ args, options: {} })
    const config = readConfig(context.environment)
    const logger = createLogger(config)
    warnOfUnknown(context, logger)
    const tooFew = tooFewOpenFiles()
    if (tooFew !== undefined) logger.warn(tooFew)
    const platform = await startPlatform(config, logger)
    const { reloadTls } = platform
    // Without TLS there is nothing to read again: SIGHUP ends the process, as when its terminal is closed.
    if (reloadTls !== undefined) context.onHangup(() => void reloadTls())
    printAddresses(platform, context)
    await untilStopped(context.signal)
    return drain(platform, logger)
  },
}

export function warnOfUnknown({ environment }: CommandContext, logger: Logger): void {
  for (const name of unknownVariables(environment))
    logger.warn({ variable: name }, `${name} is no setting of Trackwire; see trackwire serve --help`)
  for (const name of Object.keys(environment)) {
    if (name === 'TRACKWIRE_RETENTION_HOURLY_DAYS')
      logger.warn({ variable: name }, `${name} has no effect in this version`)
  }
}

/** One line a listener, and the administrator's password the only time it is known; written at once, so that they stay together. */
export function printAddresses({ listeners, firstAccount }: Platform, { stdout }: CommandContext): void {
  const lines = listeners.map(({ name, address }) => `${name.padEnd(23)} ${address}`)
  if (firstAccount) {
    const { username, password } = firstAccount
    lines.push(`Administrator           ${username}, password ${password} (printed this once; keep it)`)
  }
  stdout.write(`${lines.join('\n')}\n`)
}

export function untilStopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

export async function drain(platform: Pick<Platform, 'close' | 'closing'>, logger: Logger): Promise<number> {
  logger.info('stopping: answering what is in flight; a second signal stops at once')
  const givenUp = new Promise<'timeout'>(resolve => setTimeout(resolve, DRAIN_MS, 'timeout').unref())
  const outcome = await Promise.race([platform.close(), givenUp])
  if (outcome === 'timeout') {
    logger.error({ part: platform.closing }, `not everything could be closed within ${DRAIN_MS / 1_000} s`)
    return 1
  }
  logger.info('stopped')
  return 0
}
