import { buildTopic, type DeviceStatus, decodePayload, type LocationUpdate, parseTopic } from '../contract/index.ts'
import type { BackOffPlan } from './back-off.ts'
import { createChange } from './change.ts'
import { type SimClock, sleep } from './clock.ts'
import type { DevicePlan } from './device-plan.ts'
import { createFixBuffer } from './fix-buffer.ts'
import { type Counters, type FleetEvent, zeroCounters } from './fleet-event.ts'
import { followPlan } from './follow-plan.ts'
import { type Session, startLink } from './link.ts'
import type { Random } from './random.ts'
import { createSosButton, type SosButton } from './sos-button.ts'
import { subjectOf } from './token-claims.ts'

export interface DeviceOptions {
  readonly url: string
  readonly org: string
  readonly clock: SimClock
  readonly random: Random
  readonly qos: 0 | 1
  /** Most fixes in one batch message. */
  readonly batchSize: number
  /** Fixes kept while offline before the oldest are lost. */
  readonly bufferSize: number
  /** Fixes sent but not yet acknowledged; with more, the next ones are stored and go as a batch. */
  readonly window: number
  readonly backOff: BackOffPlan
  readonly keepAliveSeconds: number
  readonly onEvent: (event: FleetEvent) => void
}

export interface Device {
  readonly deviceId: string
  counters(): Counters
  /** Triggers an SOS and returns its id; a button that is already pressed returns the id of the open one. */
  pressSos(message?: string): string
  /** Takes the open SOS back; nothing happens without one. */
  cancelSos(): void
  /** Cuts the link for so many simulated seconds; fixes are stored meanwhile. */
  cutLink(seconds: number): void
  /** Resolves when the track has ended and every fix of it is acknowledged. Never resolves on an endless track. */
  readonly finished: Promise<void>
  /**
   * Stops taking fixes, waits up to `drainMs` until what was taken is acknowledged, says `offline` and disconnects.
   * Idempotent.
   */
  close(drainMs?: number): Promise<void>
}

/** A batch stays well under the 256 KiB a payload may have. */
const MAX_BATCH_BYTES = 200_000
/** How long a closing device waits for the PUBACK of its last status. */
const FAREWELL_MS = 1_000
const FIRMWARE = 'trackwire-sim/1'

/** Starts one device: connects, publishes its track on the clock, stores while offline, resends. */
export function startDevice(plan: DevicePlan, options: DeviceOptions): Device {
  const { deviceId } = plan
  const { org, clock, onEvent } = options
  const topics = {
    location: buildTopic('location', { org, deviceId }),
    batch: buildTopic('locationBatch', { org, deviceId }),
    status: buildTopic('status', { org, deviceId }),
    errors: buildTopic('errors', { org, userId: subjectOf(plan.token) ?? deviceId }),
  }
  const stopping = new AbortController()
  const buffer = createFixBuffer(options.bufferSize)
  const counters = zeroCounters()
  /** Live fixes sent and not yet acknowledged. */
  const inFlight = new Set<LocationUpdate>()
  let batchInFlight = 0
  let session: Session | undefined
  let connections = 0
  let newest: LocationUpdate | undefined
  /** Something was acknowledged, stored or stopped. */
  const change = createChange()
  const isDrained = () => buffer.size === 0 && inFlight.size === 0 && batchInFlight === 0

  const sos: SosButton = createSosButton({
    topic: buildTopic('sos', { org, deviceId }),
    deviceId,
    now: () => clock.now(),
    position: () => newest?.location,
    onEvent,
    onAcknowledged: change.happened,
  })

  const link = startLink({
    url: options.url,
    clientId: deviceId,
    username: deviceId,
    token: plan.token,
    // No `since`: a will is written when the connection is made, long before it comes true.
    will: { topic: topics.status, payload: JSON.stringify({ state: 'offline' } satisfies DeviceStatus) },
    subscriptions: [topics.errors],
    backOff: options.backOff,
    random: options.random,
    keepAliveSeconds: options.keepAliveSeconds,
    onUp(fresh) {
      session = fresh
      connections += 1
      counters.connected = 1
      if (connections > 1) counters.reconnects += 1
      onEvent({ type: 'connected', deviceId, again: connections > 1 })
      // SOS before everything else; then who we are; then what was stored.
      sos.flush(fresh)
      ignoreLoss(publishStatus(fresh, 'online'))
      void drain()
    },
    onDown(reason, refused) {
      session = undefined
      counters.connected = 0
      if (refused) counters.connectsRefused += 1
      onEvent({ type: 'disconnected', deviceId, reason, refused })
      change.happened()
    },
    onMessage: (_topic, payload) => readError(payload),
    onNotice: message => onEvent({ type: 'notice', deviceId, message }),
  })

  function publishStatus(to: Session, state: DeviceStatus['state']) {
    const battery = newest?.metadata?.battery
    const status: DeviceStatus = {
      state,
      since: clock.now(),
      ...(battery === undefined ? {} : { battery }),
      network: plan.network ?? 'lte',
      firmware: plan.firmware ?? FIRMWARE,
      connection: 'mqtt',
    }
    return to.publish(topics.status, JSON.stringify(status), { qos: 1, retain: true })
  }

  /** Takes what the platform refused. A token shared by several devices hears of all of them; only ours count here. */
  function readError(payload: Uint8Array) {
    try {
      const { code, message, topic } = decodePayload('errors', payload)
      const about = parseTopic(topic)?.params.deviceId
      if (about !== undefined && about !== deviceId) return
      counters.refused += 1
      onEvent({ type: 'refused', deviceId, code, message })
    } catch (error) {
      onEvent({ type: 'notice', deviceId, message: `unreadable error notice: ${(error as Error).message}` })
    }
  }

  /** Sends a fresh fix now if the link allows, else stores it. */
  function offer(fix: LocationUpdate) {
    newest = fix
    counters.taken += 1
    if (session === undefined || inFlight.size >= options.window) {
      buffer.add(fix)
      void drain()
      return
    }
    inFlight.add(fix)
    counters.sent += 1
    session.publish(topics.location, JSON.stringify(fix), { qos: options.qos }).then(
      () => {
        inFlight.delete(fix)
        counters.acknowledged += 1
        change.happened()
      },
      () => {
        // Perhaps stored, perhaps not: it is sent again, and a repeated fix changes nothing (contract §4, rule 4).
        inFlight.delete(fix)
        buffer.add(fix)
        void drain()
      },
    )
  }

  /** Sends what is stored, oldest first, one batch at a time, while live fixes go on beside it. */
  async function drain() {
    while (session !== undefined && batchInFlight === 0 && buffer.size > 0) {
      const fixes = buffer.take(options.batchSize, MAX_BATCH_BYTES)
      batchInFlight = fixes.length
      counters.sent += fixes.length
      try {
        await session.publish(topics.batch, JSON.stringify(fixes), { qos: 1 })
        batchInFlight = 0
        counters.acknowledged += fixes.length
        counters.resent += fixes.length
        onEvent({ type: 'resent', deviceId, fixes: fixes.length, left: buffer.size })
      } catch {
        batchInFlight = 0
        for (const fix of fixes) buffer.add(fix)
      }
      change.happened()
    }
  }

  function pressSos(message?: string): string {
    const id = sos.press(message)
    if (session !== undefined) sos.flush(session)
    return id
  }

  function cancelSos() {
    sos.cancel()
    if (session !== undefined) sos.flush(session)
  }

  const following = followPlan(plan, {
    clock,
    stopping: stopping.signal,
    link,
    button: { press: pressSos, cancel: cancelSos },
    onEvent,
    change,
    take: offer,
    isFull: () => session !== undefined && buffer.size > options.bufferSize / 2,
    isDrained,
  })

  let closed: Promise<void> | undefined
  async function shutDown(drainMs: number) {
    stopping.abort()
    const deadline = AbortSignal.timeout(drainMs)
    deadline.addEventListener('abort', change.happened, { once: true })
    // A link that is down now may come back in time; one that never was there will not.
    while (connections > 0 && !(isDrained() && sos.isQuiet()) && !deadline.aborted) await change.next()
    if (session !== undefined) {
      const patience = new AbortController()
      const farewell = publishStatus(session, 'offline').catch(() => undefined)
      await Promise.race([farewell, sleep(FAREWELL_MS, patience.signal)])
      patience.abort()
    }
    await link.close()
    session = undefined
    counters.connected = 0
    await following.ended
  }

  return {
    deviceId,
    counters: () => ({ ...counters, buffered: buffer.size + batchInFlight, dropped: buffer.dropped }),
    pressSos,
    cancelSos,
    cutLink: following.cut,
    finished: following.finished,
    close(drainMs = 3_000) {
      closed ??= shutDown(drainMs)
      return closed
    },
  }
}

/** A publish whose loss needs no answer: the next connection says it again. */
function ignoreLoss(publishing: Promise<void>): void {
  publishing.catch(() => undefined)
}
