import { Socket } from 'node:net'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { BackOffPlan } from './back-off.ts'
import { sleep } from './clock.ts'
import { type Attempt, keepConnecting } from './keep-connecting.ts'
import type { Random } from './random.ts'

/** One connection, from CONNACK to its end. */
export interface Session {
  /** Resolves when sent (QoS 0) or acknowledged (QoS 1); rejects when the connection ends before that. */
  publish(topic: string, payload: string, options: { readonly qos: 0 | 1; readonly retain?: boolean }): Promise<void>
}

export interface LinkOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`. */
  readonly url: string
  readonly clientId: string
  readonly username: string
  readonly token: string
  readonly will: { readonly topic: string; readonly payload: string }
  /** Filters to hold while connected. A refused one is reported by {@link LinkOptions.onNotice}, the link lives on. */
  readonly subscriptions: readonly string[]
  readonly backOff: BackOffPlan
  readonly random: Random
  readonly keepAliveSeconds: number
  readonly onUp: (session: Session) => void
  /** `reason` in plain words; `refused` when the broker turned the CONNECT down. */
  readonly onDown: (reason: string, refused: boolean) => void
  readonly onMessage: (topic: string, payload: Uint8Array) => void
  readonly onNotice: (text: string) => void
}

/** A link to the broker that comes back by itself. */
export interface Link {
  /** Cuts the connection as a dead zone would, without a DISCONNECT, and stays away until {@link Link.restore}. */
  cut(): void
  restore(): void
  /** Says farewell (DISCONNECT, so the will stays unsent) and stops. Idempotent. */
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 10_000
const FAREWELL_MS = 2_000

/** Keeps one MQTT 3.1.1 connection alive; never throws, tells everything by its callbacks. */
export function startLink(options: LinkOptions): Link {
  let client: MqttClient | undefined

  /** Resolves when the connection has ended, or could not be made. */
  function connectOnce(): Promise<Attempt> {
    return new Promise(resolve => {
      let wasUp = false
      let refused = false
      let reason = 'the connection was lost'
      const pending = new Set<(error: Error) => void>()
      const current = mqtt.connect(options.url, clientOptions(options))
      client = current
      current.on('connect', () => {
        // Small packets now: with Nagle's algorithm an SOS would wait for the acknowledgement of the fix before it.
        const { stream } = current
        if (stream instanceof Socket) stream.setNoDelay(true)
        wasUp = true
        for (const filter of options.subscriptions) {
          current.subscribe(filter, { qos: 1 }, error => {
            if (error && current.connected) options.onNotice(`no subscription to ${filter}: ${error.message}`)
          })
        }
        options.onUp({
          publish: (topic, payload, { qos, retain = false }) =>
            new Promise((done, fail) => {
              pending.add(fail)
              current.publish(topic, payload, { qos, retain }, error => {
                pending.delete(fail)
                if (error) fail(error)
                else done()
              })
            }),
        })
      })
      current.on('message', (topic, payload) => options.onMessage(topic, payload))
      current.on('error', error => {
        const code = (error as { code?: unknown }).code
        refused = !wasUp && typeof code === 'number'
        reason = plainReason(error)
        if (!wasUp) current.end(true, {}, finish)
      })
      // Both may come, in either order: `close` of the stream, the callback of `end` where there never was one.
      let over = false
      const finish = () => {
        if (over) return
        over = true
        // mqtt.js would keep the unacknowledged for its own next connection; ours is a new client, so give them back.
        for (const fail of pending) fail(new Error(reason))
        pending.clear()
        client = undefined
        current.end(true)
        resolve({ wasUp, reason, refused })
      }
      current.once('close', finish)
    })
  }

  const drop = () => void client?.stream.destroy()
  const { backOff, random, onDown } = options
  const { cut, restore, stop, ended } = keepConnecting({ backOff, random, onDown, connectOnce, drop })
  let closed: Promise<void> | undefined
  return {
    cut,
    restore,
    close() {
      closed ??= (async () => {
        stop()
        const last = client
        // A client that never got through has nobody to say farewell to.
        if (last?.connected) last.end(false)
        else last?.end(true)
        const patience = new AbortController()
        await Promise.race([ended, sleep(FAREWELL_MS, patience.signal)])
        patience.abort()
        // A broker that no longer answers does not hold us up.
        last?.end(true)
        last?.stream?.destroy()
        await ended
      })()
      return closed
    },
  }
}

function clientOptions(options: LinkOptions): IClientOptions {
  return {
    clientId: options.clientId,
    username: options.username,
    password: options.token,
    clean: true,
    keepalive: options.keepAliveSeconds,
    connectTimeout: CONNECT_TIMEOUT_MS,
    protocolVersion: 4,
    // The link waits and comes back by its own back-off.
    reconnectPeriod: 0,
    queueQoSZero: false,
    will: { topic: options.will.topic, payload: Buffer.from(options.will.payload), qos: 1, retain: true },
  }
}

function plainReason(error: Error): string {
  const code = (error as { code?: unknown }).code
  if (code === 4 || code === 5) return `the broker refused the token (CONNACK ${code})`
  if (typeof code === 'number') return `the broker refused the connection (CONNACK ${code})`
  if (code === 'ECONNREFUSED') return 'nobody listens at the address of the broker'
  return error.message || String(code ?? 'the connection failed')
}
