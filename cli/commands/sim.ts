import { createTokens, openSigningKeys } from '../../bridge/index.ts'
import { simCommand } from '../../firmware-sim/index.ts'
import type { Command } from '../command.ts'
import { readConfig } from '../config.ts'

const TOKEN_SECONDS = 86_400

/** The firmware simulator, with tokens from the local signing key where none is given. */
export const simulatorCommand: Command = {
  help: simCommand.help,
  run(args, { environment, stdout, stderr, signal }) {
    const mintToken = async (deviceId: string, org: string): Promise<string> => {
      const tokens = createTokens(await openSigningKeys(readConfig(environment).dataDirectory))
      return tokens.mint({ org, sub: deviceId, role: 'device', ttlSeconds: TOKEN_SECONDS })
    }
    return simCommand.run(args, { stdout, stderr, signal, env: environment, mintToken })
  },
}
