import type { Subscription } from './messages.ts'

/** One MQTT connection, from CONNACK to its end; it never reconnects by itself. */
export interface Wire {
  close(): void
}

export interface WireEvents {
  /** Connected and subscribed; `refused` are the filters that the platform did not grant. */
  onOpen(refused: readonly string[]): void
  onMessage(topic: string, payload: Uint8Array): void
  /** Called once. `unauthorized` = the token was refused, another one is needed. */
  onClose(reason: string, unauthorized: boolean): void
}

export interface WireOptions {
  readonly url: string
  readonly clientId: string
  readonly username: string
  readonly token: string
  readonly subscriptions: readonly Subscription[]
}

export type OpenWire = (options: WireOptions, events: WireEvents) => Promise<Wire>

/** Short, so that a dead network shows within 25 s instead of as a silently old map; a busy page must not look dead. */
const KEEPALIVE_SECONDS = 15
/** CONNACK 4 and 5 of MQTT 3.1.1: bad user name or password, not authorized. */
const UNAUTHORIZED_CODES: readonly unknown[] = [4, 5]

/** Opens a connection with MQTT.js, which is loaded only now. */
export const openMqttWire: OpenWire = async ({ url, clientId, username, token, subscriptions }, events) => {
  const { default: mqtt } = await import('mqtt')
  const client = mqtt.connect(url, {
    protocolVersion: 4,
    clean: true,
    clientId,
    username,
    password: token,
    keepalive: KEEPALIVE_SECONDS,
    connectTimeout: 10_000,
    // Reconnecting needs a fresh token, so it is done by `connection.ts`.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
  })
  let closed = false
  let reason = 'the connection was lost'
  let unauthorized = false

  const end = (): void => {
    if (closed) return
    closed = true
    client.end(true)
    events.onClose(reason, unauthorized)
  }

  client.on('connect', () => {
    const wanted = Object.fromEntries(subscriptions.map(({ filter, qos }) => [filter, { qos }]))
    client.subscribe(wanted, (error, granted) => {
      if (closed) return
      // MQTT.js reports refused filters as an error too; then the grants tell which.
      const refused = (granted ?? []).filter(({ qos }) => qos >= 128).map(({ topic }) => topic)
      if (error !== null && error !== undefined && granted === undefined) {
        reason = 'the subscriptions were refused'
        end()
      } else events.onOpen(refused)
    })
  })
  client.on('message', (topic, payload) => {
    if (!closed) events.onMessage(topic, payload)
  })
  client.on('error', error => {
    unauthorized = UNAUTHORIZED_CODES.includes((error as { code?: unknown }).code)
    reason = unauthorized ? 'the token was refused' : 'the server does not answer'
    end()
  })
  client.on('close', end)
  return {
    close() {
      if (closed) return
      closed = true
      client.end()
    },
  }
}
