import { parseArgs } from 'node:util'
import {
  createTokens,
  DEVICE_TTL_SECONDS,
  friendRules,
  listDevices,
  openSigningKeys,
  type PhoneAddress,
  phoneSetup,
  qrText,
  recordAudit,
} from '../../../bridge/index.ts'
import { TrackwireError } from '../../../contract/index.ts'
import { CLI_ACTOR } from '../../cli-actor.ts'
import { type CommandContext, UsageError } from '../../command.ts'
import { type Config, readConfig } from '../../config.ts'
import { checkId, checkOrg, readIds } from '../../identifiers.ts'
import { withPlatformOrDatabase } from '../../platform-or-database.ts'

/** `trackwire device phone ID` */
export async function printPhoneSetup(
  args: string[],
  { environment, stdout, signal }: CommandContext,
): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      org: { type: 'string' },
      address: { type: 'string' },
      mode: { type: 'string', default: 'mqtt' },
      friends: { type: 'string' },
      link: { type: 'boolean', default: false },
      qr: { type: 'boolean', default: false },
    },
  })
  const [deviceId, ...more] = positionals
  const { org, mode, link, qr } = values
  if (deviceId === undefined || more.length > 0) throw new UsageError('say "trackwire device phone ID --org ORG"')
  if (org === undefined) throw new UsageError('device phone needs --org')
  if (mode !== 'mqtt' && mode !== 'http') throw new UsageError('--mode is mqtt or http')
  if (values.address === undefined)
    throw new UsageError('say how phones reach the platform: --address https://track.example.org')
  checkOrg(org)
  checkId('the id', deviceId)
  const origin = originOf(values.address)
  const friends = values.friends === undefined ? [] : readIds('--friends', values.friends)
  const config = readConfig(environment)
  const setup = await withPlatformOrDatabase(
    config,
    { org, signal },
    {
      running: async ask => {
        const path = `/api/v1/devices/${encodeURIComponent(deviceId)}/phone-setup`
        return (await ask(path, { friends, address: origin })) as unknown as ReturnType<typeof phoneSetup>
      },
      stopped: async db => {
        const known = await listDevices(db, org, { visible: [deviceId], after: undefined, limit: 1 })
        if (known.length === 0) throw new TrackwireError('device_unknown', `no device ${deviceId} is registered`)
        const tokens = createTokens(await openSigningKeys(config.dataDirectory))
        const acl = friendRules(org, friends)
        const token = await tokens.mint({ org, sub: deviceId, role: 'device', acl, ttlSeconds: DEVICE_TTL_SECONDS })
        const act = { org, actor: CLI_ACTOR, action: 'device.phone-setup', target: deviceId, detail: { friends } }
        await recordAudit(db, act, Date.now())
        return phoneSetup(addressOf(config, origin), { org, deviceId, token })
      },
    },
  )
  const app = setup.ownTracks[mode]
  if (app === null) throw new UsageError('MQTT is off; say --mode http')
  if (qr) stdout.write(qrText(app.url))
  else stdout.write(link ? `${app.url}\n` : `${JSON.stringify(app.configuration, null, 2)}\n`)
  return 0
}

function originOf(address: string): string {
  if (!/^https?:\/\/[^/?#@]+\/?$/.test(address) || !URL.canParse(address))
    throw new UsageError(`--address is like https://track.example.org, got "${address}"`)
  return new URL(address).origin
}

function addressOf({ mqttPort, mqttsPort, osmand }: Config, origin: string): PhoneAddress {
  const tls = mqttsPort !== 'off'
  const port = tls ? mqttsPort : mqttPort
  const host = new URL(origin).hostname
  return { origin, mqtt: port === 'off' ? null : { host, port, tls }, byIdAlone: osmand === 'on' }
}
