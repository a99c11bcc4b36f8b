import { parseArgs } from 'node:util'
import {
  createTokens,
  migrate,
  openSigningKeys,
  readLock,
  recordAudit,
  registerDeviceIn,
  type Tokens,
} from '../../../bridge/index.ts'
import { askPlatform } from '../../ask-platform.ts'
import { CLI_ACTOR } from '../../cli-actor.ts'
import { type CommandContext, UsageError } from '../../command.ts'
import { type Config, readConfig } from '../../config.ts'
import { readDuration } from '../../duration.ts'
import { checkId, checkOrg } from '../../identifiers.ts'
import { createLogger } from '../../logger.ts'
import { withDatabase } from '../../with-database.ts'

/** `trackwire device add ID` */
export async function addDevice(args: string[], { environment, stdout }: CommandContext): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { org: { type: 'string' }, name: { type: 'string' }, ttl: { type: 'string', default: '3650d' } },
  })
  const [deviceId, ...more] = positionals
  if (deviceId === undefined || more.length > 0) throw new UsageError('say "trackwire device add ID --org ORG"')
  const { org, name } = values
  if (org === undefined) throw new UsageError('device add needs --org')
  checkOrg(org)
  checkId('the id', deviceId)
  const ttlSeconds = readDuration('--ttl', values.ttl)
  const config = readConfig(environment)
  const tokens = createTokens(await openSigningKeys(config.dataDirectory))
  await register(config, tokens, { org, deviceId, ...(name === undefined ? {} : { name }) })
  stdout.write(`${await tokens.mint({ org, sub: deviceId, role: 'device', ttlSeconds })}\n`)
  return 0
}

interface NewDevice {
  readonly org: string
  readonly deviceId: string
  readonly name?: string
}

/** Through the running platform where there is one, since it owns the embedded database; else straight into the database. */
async function register(config: Config, tokens: Tokens, device: NewDevice): Promise<void> {
  const holder = await readLock(config.dataDirectory)
  if (holder?.httpAddress !== undefined) return registerOverHttp(holder.httpAddress, config, tokens, device)
  const logger = createLogger({ logLevel: 'warn', logFormat: config.logFormat })
  await withDatabase(config, logger, async db => {
    await migrate(db)
    const { org, deviceId, name } = device
    await db.transaction(async tx => {
      const act = { org, actor: CLI_ACTOR, action: 'device.register', target: deviceId, detail: { name } }
      await registerDeviceIn(tx, device, Date.now())
      await recordAudit(tx, act, Date.now())
    })
  })
}

async function registerOverHttp(address: string, config: Config, tokens: Tokens, device: NewDevice): Promise<void> {
  const { org, deviceId, name } = device
  const { status, answer } = await askPlatform({
    address,
    path: '/api/v1/devices',
    token: await tokens.mint({ org, sub: CLI_ACTOR, role: 'admin', ttlSeconds: 60 }),
    body: { id: deviceId, ...(name === undefined ? {} : { name }) },
    cert: config.tls?.cert,
  })
  // 409: it is registered already.
  if (status >= 300 && status !== 409)
    throw new Error(`the platform at ${address} refused: ${answer.detail ?? `HTTP status ${status}`}`)
}
