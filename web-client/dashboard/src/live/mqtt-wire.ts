import { buildTopic } from '../../../../contract/index.ts'
import { createInbox, GATHER_MS, LARGE_FLEET_GATHER_MS } from './inbox.ts'
import { decodeMessage, LAST_ALONE_ABOVE_DEVICES } from './messages.ts'
import type { OpenWire } from './wire.ts'

/** Short, so that a dead network shows within 25 s instead of as a silently old map; a busy page must not look dead. */
const KEEPALIVE_SECONDS = 15
/** CONNACK 4 and 5 of MQTT 3.1.1: bad user name or password, not authorized. */
const UNAUTHORIZED_CODES: readonly unknown[] = [4, 5]
/** How often it is measured how long an answer takes. */
const PROBE_MS = 1_000

/** Opens a connection with MQTT.js, which is loaded only now. */
export const openMqttWire: OpenWire = async (options, events) => {
  const { url, clientId, username, token, subscriptions, locationFilter } = options
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
  const reporting = new Set<string>()
  const inbox = createInbox(
    batch => events.onBatch(batch),
    () => (reporting.size > LAST_ALONE_ABOVE_DEVICES ? LARGE_FLEET_GATHER_MS : GATHER_MS),
  )
  let askedAtMs: number | null = null
  let roundTripMs = 0
  let probe: ReturnType<typeof setInterval> | undefined
  let closed = false
  let reason = 'the connection was lost'
  let unauthorized = false

  const stop = (): void => {
    closed = true
    clearInterval(probe)
    inbox.close()
  }

  const end = (): void => {
    if (closed) return
    stop()
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
      } else {
        events.onOpen(refused)
        probe = setInterval(onProbe, PROBE_MS)
      }
    })
  })
  const onProbe = (): void => {
    if (askedAtMs !== null) return events.onProbe(Math.max(roundTripMs, performance.now() - askedAtMs))
    events.onProbe(roundTripMs)
    askedAtMs = performance.now()
    client.sendPing()
  }
  client.on('packetreceive', ({ cmd }) => {
    if (cmd !== 'pingresp' || askedAtMs === null) return
    roundTripMs = performance.now() - askedAtMs
    askedAtMs = null
  })
  client.on('message', (topic, payload, { retain }) => {
    if (closed) return
    const message = decodeMessage(topic, payload, retain)
    if (message === null) return
    inbox.take(message)
    if (message.kind !== 'fix' || reporting.size > LAST_ALONE_ABOVE_DEVICES || !topic.endsWith('/last')) return
    reporting.add(message.deviceId)
    if (reporting.size > LAST_ALONE_ABOVE_DEVICES) client.unsubscribe(locationFilter)
  })
  client.on('error', error => {
    unauthorized = UNAUTHORIZED_CODES.includes((error as { code?: unknown }).code)
    reason = unauthorized ? 'the token was refused' : 'the server does not answer'
    end()
  })
  client.on('close', end)
  return {
    taken: inbox.taken,
    renew(token) {
      if (!closed) client.publish(buildTopic('authToken', {}), token, { qos: 1 })
    },
    close() {
      if (closed) return
      stop()
      client.end()
    },
  }
}
