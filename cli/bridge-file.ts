import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import Type from 'typebox'
import {
  type BridgeSettings,
  bridgePrincipal,
  filtersMeet,
  localFilter,
  remoteFilter,
  type TopicMap,
} from '../bridge/index.ts'
import {
  CHANNELS,
  type Channel,
  channelsUnder,
  checkSchema,
  decideFilter,
  decodeJson,
  isFilter,
  Org,
  TrackwireError,
} from '../contract/index.ts'
import { BadSetting, type Setting } from './settings.ts'

const MAX_BACKLOG = 10_000_000
const Text = Type.String({ minLength: 1, maxLength: 4_096 })
const Prefix = Type.String({ pattern: /^([^+#\0]*\/)?$/.source, maxLength: 512 })

const TopicMapEntry = Type.Object(
  {
    direction: Type.Union([Type.Literal('in'), Type.Literal('out')]),
    filter: Text,
    qos: Type.Optional(Type.Union([Type.Literal(0), Type.Literal(1)])),
    localPrefix: Type.Optional(Prefix),
    remotePrefix: Type.Optional(Prefix),
  },
  { additionalProperties: false },
)
const BridgeEntry = Type.Object(
  {
    name: Type.String({ pattern: /^[a-z0-9-]{1,32}$/.source }),
    org: Org,
    url: Text,
    protocol: Type.Optional(Type.Union([Type.Literal('3.1.1'), Type.Literal('5')])),
    clientId: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    username: Type.Optional(Text),
    password: Type.Optional(Text),
    passwordFile: Type.Optional(Text),
    tls: Type.Optional(
      Type.Object(
        { ca: Type.Optional(Text), cert: Type.Optional(Text), key: Type.Optional(Text) },
        { additionalProperties: false },
      ),
    ),
    cleanSession: Type.Optional(Type.Boolean()),
    keepAliveSeconds: Type.Optional(Type.Integer({ minimum: 5, maximum: 65_535 })),
    maxBacklog: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_BACKLOG })),
    homeAssistant: Type.Optional(Type.Boolean()),
    topics: Type.Optional(Type.Array(TopicMapEntry, { maxItems: 100 })),
  },
  { additionalProperties: false },
)
type BridgeEntry = Type.Static<typeof BridgeEntry>
const BridgeFile = Type.Object({ bridges: Type.Array(BridgeEntry, { maxItems: 32 }) }, { additionalProperties: false })

/** A bridge as the file has it, and whether Home Assistant at the other broker discovers our devices. */
export interface ConfiguredBridge extends BridgeSettings {
  readonly homeAssistant: boolean
}

/** The path of a JSON file that names other brokers and what passes; read, and all that is wrong with it told together. */
export function bridgeFile(name: string, description: string): Setting<readonly ConfiguredBridge[]> {
  return {
    name,
    default: '',
    description,
    parse: value => {
      if (value === '') return []
      const file = resolve(value)
      const problems: string[] = []
      const bridges = readEntries(file).map(entry => readBridge(entry, dirname(file), problems))
      const names = bridges.map(({ name }) => name)
      for (const name of new Set(names.filter((name, i) => names.indexOf(name) !== i)))
        problems.push(`two bridges are called ${name}`)
      if (problems.length > 0) throw new BadSetting(problems.join('; '))
      return bridges
    },
  }
}

function readEntries(file: string): BridgeEntry[] {
  try {
    return checkSchema(BridgeFile, decodeJson(readFileSync(file), 'body')).bridges
  } catch (error) {
    if (error instanceof TrackwireError) throw new BadSetting(`${file}: ${error.message}`)
    throw new BadSetting(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function readBridge(entry: BridgeEntry, folder: string, problems: string[]): ConfiguredBridge {
  const found: string[] = []
  const { name, org, url, protocol = '3.1.1', homeAssistant = false } = entry
  const topics = [...(homeAssistant ? homeAssistantMaps(org) : []), ...(entry.topics ?? []).map(readMap)]
  const scheme = URL.canParse(url) ? new URL(url).protocol : ''
  // The URL is not repeated: it may hold a password.
  if (!['mqtt:', 'mqtts:', 'ws:', 'wss:'].includes(scheme))
    found.push('url is no address that begins with mqtt://, mqtts://, ws:// or wss://')
  else if (new URL(url).password !== '' || new URL(url).username !== '')
    found.push('url holds a user name; use username and passwordFile')
  if (entry.tls !== undefined && scheme !== 'mqtts:' && scheme !== 'wss:')
    found.push('tls is for mqtts:// and wss:// alone')
  if (topics.length === 0) found.push('topics is empty: nothing would pass')
  found.push(...topics.flatMap(map => faultsOf(map, { name, org })))
  found.push(...contradictions(topics, protocol))
  const read = (path: string) => readText(resolve(folder, path), found)
  const bridge: ConfiguredBridge = {
    name,
    org,
    url,
    protocol,
    clientId: entry.clientId ?? `trackwire-${name}`,
    username: entry.username,
    password: entry.passwordFile === undefined ? entry.password : read(entry.passwordFile)?.trimEnd(),
    tls: readTls(entry.tls, read, found),
    cleanSession: entry.cleanSession ?? false,
    keepAliveSeconds: entry.keepAliveSeconds ?? 30,
    maxBacklog: entry.maxBacklog ?? 100_000,
    homeAssistant,
    topics,
  }
  if (bridge.password !== undefined && bridge.username === undefined) found.push('a password needs a username')
  problems.push(...found.map(problem => `bridge ${name}: ${problem}`))
  return bridge
}

function readMap({
  direction,
  filter,
  qos = 1,
  localPrefix = '',
  remotePrefix = '',
}: Type.Static<typeof TopicMapEntry>) {
  return { direction, filter, qos, localPrefix, remotePrefix } satisfies TopicMap
}

/** Discovery where Home Assistant looks for it by default; what it points at keeps its topics. */
function homeAssistantMaps(org: string): TopicMap[] {
  const here = 'homeassistant/'
  const config = { direction: 'out', qos: 1, localPrefix: here, remotePrefix: here } as const
  const state = { ...config, remotePrefix: `${org}/${here}` }
  return [
    { ...config, filter: 'device_tracker/+/config' },
    { ...config, filter: 'sensor/+/+/config' },
    { ...state, filter: '+/attributes' },
    { ...state, filter: '+/availability' },
    { ...config, direction: 'in', filter: 'status' },
  ]
}

function faultsOf(map: TopicMap, bridge: { name: string; org: string }): string[] {
  const local = localFilter(bridge.org, map)
  if (!isFilter(map.filter) || !isFilter(local) || !isFilter(remoteFilter(map)))
    return [`${JSON.stringify(map.filter)} is not a well-formed filter`]
  if (map.direction === 'out') {
    const { allowed, reason } = decideFilter(bridgePrincipal(bridge), local, { qos: map.qos })
    return allowed ? [] : [`${local} cannot go out: ${reason}`]
  }
  const takes = channelsUnder(local).some(({ channel }) => (CHANNELS[channel] as Channel).publish.service !== undefined)
  return takes ? [] : [`nothing under ${local} can come in: it is no topic that a gateway publishes`]
}

/** What would go round in circles, or twice. */
function contradictions(topics: readonly TopicMap[], protocol: '3.1.1' | '5'): string[] {
  const found: string[] = []
  const out = topics.filter(({ direction }) => direction === 'out')
  const meets = (one: TopicMap, other: TopicMap) => filtersMeet(remoteFilter(one), remoteFilter(other))
  for (const [i, one] of out.entries()) {
    for (const other of out.slice(i + 1)) {
      if (one.qos !== other.qos && filtersMeet(localFilter('org', one), localFilter('org', other)))
        found.push(`${one.filter} and ${other.filter} match the same topics with different qos`)
    }
    for (const other of topics) {
      // MQTT 5 has "no local": what we publish ourselves does not come back.
      if (other.direction === 'in' && protocol === '3.1.1' && meets(one, other))
        found.push(
          `what goes out to ${remoteFilter(one)} comes back in by ${remoteFilter(other)}; use other prefixes, or "protocol": "5"`,
        )
    }
  }
  return found
}

function readText(path: string, found: string[]): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    found.push(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    return undefined
  }
}

function readTls(
  paths: BridgeEntry['tls'],
  read: (path: string) => string | undefined,
  found: string[],
): BridgeSettings['tls'] {
  if (paths === undefined) return undefined
  if ((paths.cert === undefined) !== (paths.key === undefined)) found.push('tls: cert and key go together')
  const [ca, cert, key] = [paths.ca, paths.cert, paths.key].map(path => (path === undefined ? undefined : read(path)))
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
  try {
    createSecureContext(tls)
  } catch (error) {
    found.push(`tls: these are no usable PEM files (${(error as Error).message})`)
  }
  return tls
}
