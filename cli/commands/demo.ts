import { parseArgs } from 'node:util'
import mqtt from 'mqtt'
import type { Logger } from 'pino'
import { buildFilter, type DeviceEvent, type GeofenceEvent, parseTopic, type SosEvent } from '../../contract/index.ts'
import { type DemoCity, demoCity, demoFleet, startFleet } from '../../firmware-sim/index.ts'
import { askPlatform } from '../ask-platform.ts'
import { type Command, type CommandContext, UsageError } from '../command.ts'
import { type Config, readConfig } from '../config.ts'
import { createLogger } from '../logger.ts'
import { type Platform, startPlatform } from '../start-platform.ts'
import { drain, printAddresses, SETTINGS_HELP, untilStopped, warnOfUnknown } from './serve.ts'

const ORG = 'demo'
const DEMO_TOKEN_SECONDS = 86_400
const ALREADY_REGISTERED = 409

export const demoCommand: Command = {
  help: `Usage: trackwire demo [--seed SEED] [--config FILE]

Runs the platform as "trackwire serve" does, with a simulated fleet that drives through a real city over MQTT/TCP. Prints the
dashboard's address and the alerts as they happen. Ctrl+C stops it.

  --seed SEED     another seed, another traffic [1]
  --config FILE   read settings from FILE
  --help          this text

Settings [default]:
${SETTINGS_HELP}
`,
  async run(args, context) {
    const { values } = parseArgs({ args, options: { seed: { type: 'string', default: '1' } } })
    const config = readConfig(context.environment)
    if (config.mqttPort === 'off')
      throw new UsageError('the demo needs MQTT over TCP: set TRACKWIRE_MQTT_PORT to a port or 0')
    if (config.httpPort === 'off')
      throw new UsageError('the demo needs the dashboard: set TRACKWIRE_HTTP_PORT to a port or 0')
    // The alerts are the demo's output; routine log lines would bury them.
    const logger = createLogger({ ...config, logLevel: config.logLevel === 'info' ? 'warn' : config.logLevel })
    warnOfUnknown(context, logger)
    const platform = await startPlatform(config, logger)
    let stopFleet = async () => {}
    try {
      stopFleet = await startDemo(platform, config, values.seed, context, logger)
      await untilStopped(context.signal)
    } finally {
      await stopFleet()
    }
    return drain(platform, logger)
  },
}

/** Draws the fences, prints where to look, starts the fleet and the printing of alerts. Returns how to stop both. */
async function startDemo(
  platform: Platform,
  config: Config,
  seed: string,
  context: CommandContext,
  logger: Logger,
): Promise<() => Promise<void>> {
  const { tokens, mqttUrl, httpUrl } = platform
  const city = demoCity()
  const admin = await tokens.mint({ org: ORG, sub: 'admin', role: 'admin', ttlSeconds: DEMO_TOKEN_SECONDS })
  const post = async (path: string, body: unknown) => {
    const { status, answer } = await askPlatform({
      address: httpUrl!,
      path,
      token: admin,
      body,
      cert: config.tls?.cert,
    })
    if (status >= 300 && status !== ALREADY_REGISTERED)
      throw new Error(`${path} refused the demo's data: ${answer.detail}`)
    return answer
  }
  await prepareCity(post, city)

  printAddresses(platform, context)
  const { code } = await post('/api/v1/auth/codes', {})
  context.stdout.write(`\nOpen the dashboard:     ${httpUrl}/#code=${code}\n`)
  context.stdout.write('                        (the link logs in once, within 10 minutes)\n\n')
  context.stdout.write(
    `${city.vehicles.length} vehicles drive through ${city.name}. Alerts as they happen (Ctrl+C stops):\n\n`,
  )

  const deviceTokens = new Map<string, string>()
  for (const { deviceId } of city.vehicles) {
    deviceTokens.set(
      deviceId,
      await tokens.mint({ org: ORG, sub: deviceId, role: 'device', ttlSeconds: DEMO_TOKEN_SECONDS }),
    )
  }
  const listener = await printAlerts(mqttUrl!, admin, city, context)
  const devices = demoFleet({ tokenFor: deviceId => deviceTokens.get(deviceId)!, seed })
  const fleet = await startFleet({ url: mqttUrl!, org: ORG, devices, seed, logger })
  return async () => {
    await fleet.close()
    await listener.endAsync()
  }
}

/** The fences, and the vehicles: they would register themselves on first use, but without their names. */
async function prepareCity(post: (path: string, body: unknown) => Promise<unknown>, city: DemoCity): Promise<void> {
  await post('/api/v1/fences/import', { type: 'FeatureCollection', features: city.fences })
  for (const { deviceId, name } of city.vehicles) await post('/api/v1/devices', { id: deviceId, name })
}

async function printAlerts(url: string, token: string, city: DemoCity, { stdout }: CommandContext) {
  const names = new Map(city.vehicles.map(({ deviceId, name }) => [deviceId, name]))
  const client = await mqtt.connectAsync(url, { username: 'demo', password: token, clientId: 'demo-console' })
  client.on('message', (topic, payload) => {
    const line = describe(topic, payload, names)
    if (line !== undefined) stdout.write(`${line}\n`)
  })
  await client.subscribeAsync(
    [
      buildFilter('geofenceNotification', { org: ORG }),
      buildFilter('deviceNotification', { org: ORG }),
      buildFilter('sosNotification', { org: ORG }),
    ],
    { qos: 1 },
  )
  return client
}

function describe(topic: string, payload: Buffer, names: ReadonlyMap<string, string>): string | undefined {
  const channel = parseTopic(topic)?.channel
  if (channel === 'geofenceNotification') {
    const { event, deviceId, fenceName, timestamp, initial, retractedEvent } = JSON.parse(
      payload.toString(),
    ) as GeofenceEvent
    const more = initial ? ' (was inside already)' : retractedEvent ? ` (its ${retractedEvent} did not happen)` : ''
    return `${clock(timestamp)}  ${event.padEnd(12)} ${names.get(deviceId) ?? deviceId}: ${fenceName}${more}`
  }
  if (channel === 'deviceNotification') {
    const { event, phase, deviceId, timestamp } = JSON.parse(payload.toString()) as DeviceEvent
    return `${clock(timestamp)}  ${event.padEnd(12)} ${names.get(deviceId) ?? deviceId}: ${phase}`
  }
  if (channel === 'sosNotification') {
    const { event, deviceId, timestamp, message, by, note } = JSON.parse(payload.toString()) as SosEvent
    const said = [message, by && `by ${by}`, note].filter(Boolean).join(', ')
    return `${clock(timestamp)}  SOS ${event.padEnd(8)} ${names.get(deviceId) ?? deviceId}${said ? `: ${said}` : ''}`
  }
  return undefined
}

function clock(timestampMs: number): string {
  return new Date(timestampMs).toTimeString().slice(0, 8)
}
