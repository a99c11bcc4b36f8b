import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError, type Environment } from './config.ts'

/**
 * The variables as every command sees them: the environment, then `--config FILE`, then `.env` of the current folder;
 * the first that names a variable wins.
 */
export function gatherEnvironment(environment: Environment, configFile: string | undefined): Environment {
  const dotEnv = existsSync('.env') ? readVariables('.env') : {}
  const file = configFile === undefined ? {} : readVariables(configFile)
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  return { ...dotEnv, ...file, ...given }
}

function readVariables(file: string): Environment {
  try {
    return parseEnv(readFileSync(file, 'utf8')) as Environment
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new ConfigError([`${file}: cannot be read (${code}); it holds lines like TRACKWIRE_HTTP_PORT=8080`])
  }
}
