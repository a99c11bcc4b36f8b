import type { SecureContextOptions } from 'node:tls'

/** One connection to another broker, and what passes over it. Checked. */
export interface BridgeSettings {
  /** `[a-z0-9-]`, unique: it names the bridge in the log, metrics and its backlog. */
  readonly name: string
  /** The one organisation whose messages pass. */
  readonly org: string
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`. */
  readonly url: string
  readonly protocol: '3.1.1' | '5'
  readonly clientId: string
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** What is in the files, PEM. */
  readonly tls?: Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> | undefined
  readonly cleanSession: boolean
  readonly keepAliveSeconds: number
  /** Messages that wait for the other broker at the most. */
  readonly maxBacklog: number
  readonly topics: readonly TopicMap[]
}

/**
 * As other brokers' bridges have it: below the local prefix here and the remote prefix there, topics are the same. The local prefix is
 * below the organisation.
 */
export interface TopicMap {
  readonly direction: 'in' | 'out'
  /** Below both prefixes. */
  readonly filter: string
  readonly localPrefix: string
  readonly remotePrefix: string
  readonly qos: 0 | 1
}

/** Who messages that come in are from. */
export function bridgeSubject(name: string): string {
  return `bridge:${name}`
}
