import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { type AddressLimit, DEFAULT_LIMITS, type LimitSettings, NO_LIMITS } from '../contract/index.ts'
import { autoLimit, BadSetting, choice, limit, list, type Setting } from './settings.ts'

const DEFAULTS = {
  messages: String(DEFAULT_LIMITS.messagesPerSecond),
  location: String(DEFAULT_LIMITS.locationPerMinute),
  chat: String(DEFAULT_LIMITS.chatPerMinute),
  general: String(DEFAULT_LIMITS.generalPerMinute),
  http: String(DEFAULT_LIMITS.httpPerMinute),
  connections: String(DEFAULT_LIMITS.connectionsPerPrincipal),
  subscriptions: String(DEFAULT_LIMITS.subscriptionsPerConnection),
  sessions: String(DEFAULT_LIMITS.sessionsPerPrincipal),
  queuedMessages: String(DEFAULT_LIMITS.queuedMessagesPerSession),
  queuedBytes: String(DEFAULT_LIMITS.queuedBytesPerSession),
}

/** Settings of the limits, contract §7. */
export const LIMIT_SETTINGS = {
  limits: choice('TRACKWIRE_LIMITS', 'on', 'limits of the contract; off for benchmarks', ['on', 'off']),
  limitMessages: limit('TRACKWIRE_LIMITS_MESSAGES_PER_SECOND', DEFAULTS.messages, 'all messages of a principal; off'),
  limitLocation: limit('TRACKWIRE_LIMITS_LOCATION_PER_MINUTE', DEFAULTS.location, 'positions (or batches); off'),
  limitChat: limit('TRACKWIRE_LIMITS_CHAT_PER_MINUTE', DEFAULTS.chat, 'chat messages of a principal; off'),
  limitGeneral: limit('TRACKWIRE_LIMITS_GENERAL_PER_MINUTE', DEFAULTS.general, 'other messages of a principal; off'),
  limitHttp: limit('TRACKWIRE_LIMITS_HTTP_PER_MINUTE', DEFAULTS.http, 'HTTP requests but positions; off'),
  limitPublic: autoLimit(
    'TRACKWIRE_LIMITS_PUBLIC_PER_MINUTE',
    'log-ins and the like of an address; auto = 60, loopback excepted; off',
  ),
  limitConnections: autoLimit(
    'TRACKWIRE_LIMITS_CONNECTIONS_PER_MINUTE',
    'new MQTT connections of an address; auto = 5, loopback excepted; off',
  ),
  limitConnecting: autoLimit(
    'TRACKWIRE_LIMITS_CONNECTING_PER_ADDRESS',
    'connections before CONNECT; auto = 50, loopback excepted; off',
  ),
  limitConnectionsTotal: autoLimit(
    'TRACKWIRE_LIMITS_CONNECTIONS_TOTAL',
    'open sockets; auto = by the file descriptors of the process; off',
  ),
  limitConnectionsOfPrincipal: limit(
    'TRACKWIRE_LIMITS_CONNECTIONS_PER_PRINCIPAL',
    DEFAULTS.connections,
    'MQTT connections at the same time; off',
  ),
  limitSubscriptions: limit(
    'TRACKWIRE_LIMITS_SUBSCRIPTIONS_PER_CONNECTION',
    DEFAULTS.subscriptions,
    'subscriptions of one connection; off',
  ),
  limitSessions: limit(
    'TRACKWIRE_LIMITS_SESSIONS_PER_PRINCIPAL',
    DEFAULTS.sessions,
    'stored MQTT sessions; the oldest goes; off',
  ),
  limitQueuedMessages: limit(
    'TRACKWIRE_LIMITS_QUEUED_MESSAGES',
    DEFAULTS.queuedMessages,
    'messages that wait for one stored session; off',
  ),
  limitQueuedBytes: limit('TRACKWIRE_LIMITS_QUEUED_BYTES', DEFAULTS.queuedBytes, 'their bytes; off'),
  trustedProxies: ranges(
    list('TRACKWIRE_TRUSTED_PROXIES', '', 'proxies whose X-Forwarded-* is believed: addresses, ranges; none'),
  ),
} as const satisfies Record<string, Setting<unknown>>

type LimitValues = {
  readonly [Key in keyof typeof LIMIT_SETTINGS]: (typeof LIMIT_SETTINGS)[Key] extends Setting<infer Value>
    ? Value
    : never
}

/** A misspelt limit would silently leave the default in force. */
export function unknownLimits(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.values(LIMIT_SETTINGS).map(({ name }) => name)
  const limits = known.filter(name => name.startsWith('TRACKWIRE_LIMITS_'))
  return Object.keys(environment)
    .filter(name => name.startsWith('TRACKWIRE_LIMITS_') && !limits.includes(name))
    .map(name => `${name}: there is no such limit; there are ${limits.join(', ')}`)
}

/** @param descriptors files and sockets that the process may have open; undefined where the system does not tell */
export function limitSettingsOf(values: LimitValues, descriptors = fileDescriptors()): LimitSettings {
  const connectionsTotal =
    values.limitConnectionsTotal === 'auto' ? socketsWithin(descriptors) : values.limitConnectionsTotal
  if (values.limits === 'off') return { ...NO_LIMITS, connectionsTotal }
  return {
    messagesPerSecond: values.limitMessages,
    locationPerMinute: values.limitLocation,
    chatPerMinute: values.limitChat,
    generalPerMinute: values.limitGeneral,
    httpPerMinute: values.limitHttp,
    publicPerMinute: byAddress(values.limitPublic, DEFAULT_LIMITS.publicPerMinute),
    connectionsPerMinute: byAddress(values.limitConnections, DEFAULT_LIMITS.connectionsPerMinute),
    connectingPerAddress: byAddress(values.limitConnecting, DEFAULT_LIMITS.connectingPerAddress),
    connectionsTotal,
    connectionsPerPrincipal: values.limitConnectionsOfPrincipal,
    subscriptionsPerConnection: values.limitSubscriptions,
    sessionsPerPrincipal: values.limitSessions,
    queuedMessagesPerSession: values.limitQueuedMessages,
    queuedBytesPerSession: values.limitQueuedBytes,
  }
}

/** Who sets it means every address. */
function byAddress(value: number | null | 'auto', automatic: AddressLimit): AddressLimit {
  return value === 'auto' ? automatic : { most: value, loopback: true }
}

const UNKNOWN_DESCRIPTORS = 10_240
/** For the database, its files, log files and whatever else the process opens. */
const LEAST_MARGIN = 256

function socketsWithin(descriptors = UNKNOWN_DESCRIPTORS): number {
  return Math.max(descriptors - Math.max(LEAST_MARGIN, Math.ceil(descriptors / 10)), Math.ceil(descriptors / 2))
}

/** Of this process; only Linux tells in a file. Node raises its soft limit to the hard one by itself. */
function fileDescriptors(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}

function ranges(setting: Setting<readonly string[]>): Setting<readonly string[]> {
  return {
    ...setting,
    parse: value => {
      const given = setting.parse(value)
      const wrong = given.find(range => !isRange(range))
      if (wrong !== undefined) throw new BadSetting(`"${wrong}" is neither an address nor a range like 10.0.0.0/8`)
      return given
    },
  }
}

function isRange(range: string): boolean {
  const [address = '', bits = '0', ...rest] = range.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most
}
