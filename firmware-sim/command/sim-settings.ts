import { parseArgs } from 'node:util'
import { isId, isOrg, MAX_BATCH } from '../../contract/index.ts'
import { TRACKER_PROTOCOLS, type TrackerProtocol } from '../trackers/tracker-device.ts'

/** What the command line asked for, checked. Seconds and metres as typed. */
export interface SimSettings {
  readonly help: boolean
  /** A maker's protocol; undefined: MQTT. */
  readonly protocol: TrackerProtocol | undefined
  readonly url: string
  readonly org: string | undefined
  readonly token: string | undefined
  readonly tokenFile: string | undefined
  readonly device: string | undefined
  readonly devices: number | undefined
  readonly seed: string
  readonly route: string | undefined
  readonly city: boolean
  readonly replay: boolean
  readonly keepTimes: boolean
  readonly loop: boolean
  readonly speed: number
  readonly intervalSeconds: number
  readonly qos: 0 | 1
  readonly durationSeconds: number | undefined
  readonly count: number | undefined
  readonly offlineEverySeconds: number | undefined
  readonly offlineForSeconds: number
  readonly sosAfterSeconds: number | undefined
  readonly noiseMeters: number
  readonly batchSize: number
  readonly bufferSize: number
  readonly rampUpPerSecond: number
  readonly json: boolean
}

/** Wrong usage: one plain sentence for the person at the keyboard. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean', default: false } as const
const OPTIONS = {
  help: { ...FLAG, short: 'h' },
  protocol: { ...TEXT, default: 'mqtt' },
  url: TEXT,
  org: TEXT,
  token: TEXT,
  'token-file': TEXT,
  device: TEXT,
  devices: TEXT,
  seed: { ...TEXT, default: '1' },
  route: TEXT,
  city: TEXT,
  replay: FLAG,
  'keep-times': FLAG,
  loop: FLAG,
  speed: { ...TEXT, default: '1' },
  interval: { ...TEXT, default: '1' },
  qos: { ...TEXT, default: '1' },
  duration: TEXT,
  count: TEXT,
  'offline-every': TEXT,
  'offline-for': TEXT,
  'sos-after': TEXT,
  noise: { ...TEXT, default: '4' },
  batch: { ...TEXT, default: '200' },
  buffer: { ...TEXT, default: '20000' },
  ramp: { ...TEXT, default: '50' },
  json: FLAG,
} as const

const DEFAULT_URLS = {
  mqtt: 'mqtt://127.0.0.1:1883',
  gt06: 'tcp://127.0.0.1:5023',
  teltonika: 'tcp://127.0.0.1:5027',
} as const
const IMEI = /^\d{8,16}$/
const MAX_DEVICES = 100_000
const DAY_SECONDS = 86_400

/** @throws UsageError on the first mistake */
export function readSimSettings(argv: readonly string[]): SimSettings {
  const values = parse(argv)
  const number = (name: keyof typeof OPTIONS, low: number, high: number, whole = false) => {
    const text = values[name]
    if (text === undefined) return undefined
    const value = Number(text)
    const fits = String(text).trim() !== '' && value >= low && value <= high && (!whole || Number.isInteger(value))
    if (!fits)
      throw new UsageError(`--${name} is "${text}"; give ${whole ? 'a whole' : 'a'} number from ${low} to ${high}.`)
    return value
  }
  const settings: SimSettings = {
    help: values.help,
    protocol: protocolOf(values.protocol),
    url: values.url ?? DEFAULT_URLS[protocolOf(values.protocol) ?? 'mqtt'],
    org: values.org,
    token: values.token,
    tokenFile: values['token-file'],
    device: values.device,
    devices: number('devices', 1, MAX_DEVICES, true),
    seed: values.seed,
    route: values.route,
    city: values.city !== undefined,
    replay: values.replay || values['keep-times'],
    keepTimes: values['keep-times'],
    loop: values.loop,
    speed: number('speed', 0.01, 10_000)!,
    intervalSeconds: number('interval', 0.01, DAY_SECONDS)!,
    qos: number('qos', 0, 1, true) as 0 | 1,
    durationSeconds: number('duration', 0.1, 365 * DAY_SECONDS),
    count: number('count', 1, 1_000_000_000, true),
    offlineEverySeconds: number('offline-every', 1, DAY_SECONDS),
    offlineForSeconds: number('offline-for', 0.1, DAY_SECONDS) ?? 10,
    sosAfterSeconds: number('sos-after', 0, DAY_SECONDS),
    noiseMeters: number('noise', 0, 10_000)!,
    batchSize: number('batch', 1, MAX_BATCH, true)!,
    bufferSize: number('buffer', 1, 10_000_000, true)!,
    rampUpPerSecond: number('ramp', 0.01, 100_000)!,
    json: values.json,
  }
  checkTogether(settings, values.city)
  return settings
}

function protocolOf(name: string): TrackerProtocol | undefined {
  if (name === 'mqtt') return undefined
  if (Object.hasOwn(TRACKER_PROTOCOLS, name)) return name as TrackerProtocol
  throw new UsageError(`--protocol is "${name}"; give mqtt, ${Object.keys(TRACKER_PROTOCOLS).join(' or ')}.`)
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }).values
  } catch (error) {
    const { message } = error as Error
    throw new UsageError(`${message.split('. ')[0]!.replace(/\.$/, '')}; see trackwire sim --help.`)
  }
}

/** What cannot go together, or not without the other. */
function checkTogether(settings: SimSettings, city: string | undefined): void {
  const { url, org, device, devices, protocol } = settings
  const schemes = protocol === undefined ? /^(mqtts?|wss?):$/ : /^tcp:$/
  if (!URL.canParse(url) || !schemes.test(new URL(url).protocol)) {
    throw new UsageError(`--url is "${url}"; give an address such as ${DEFAULT_URLS[protocol ?? 'mqtt']}.`)
  }
  if (org !== undefined && !isOrg(org)) {
    throw new UsageError(`--org is "${org}"; an organisation has 1 to 63 of a-z, 0-9 and hyphen.`)
  }
  if (device !== undefined && !isId(device)) {
    throw new UsageError(`--device is "${device}"; an id has 1 to 64 of A-Z, a-z, 0-9 and . _ : -`)
  }
  const mistakes: [boolean, string][] = [
    [settings.token !== undefined && settings.tokenFile !== undefined, 'Give --token or --token-file, not both.'],
    [device !== undefined && devices !== undefined && devices > 1, '--device names one device; leave --devices out.'],
    [city !== undefined && city !== 'demo', `--city is "${city}"; the one city there is is demo.`],
    [
      protocol !== undefined && device !== undefined && !IMEI.test(device),
      `--device is "${device}"; a tracker is known by its IMEI, 15 digits.`,
    ],
    [
      protocol !== undefined && settings.city,
      '--city demo has names and tokens of its own; leave it out with --protocol.',
    ],
    [settings.city && settings.route !== undefined, 'Give --city or --route, not both.'],
    [settings.replay && settings.route === undefined, '--replay needs the file to be replayed: --route FILE.'],
    [settings.replay && settings.loop, '--loop is for driven routes; a replay ends with its file.'],
    [
      settings.offlineEverySeconds !== undefined && settings.offlineEverySeconds <= settings.offlineForSeconds,
      '--offline-every must be longer than --offline-for, or there is no link at all.',
    ],
    [
      settings.speed !== 1 &&
        settings.durationSeconds === undefined &&
        settings.count === undefined &&
        (settings.route === undefined || settings.loop),
      '--speed on an endless drive needs --duration or --count, so that the track can begin far enough in the past.',
    ],
  ]
  for (const [wrong, sentence] of mistakes) if (wrong) throw new UsageError(sentence)
}
