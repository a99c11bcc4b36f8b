import type { LocationUpdate } from '../../contract/index.ts'
import { createChange } from '../change.ts'
import { sleep } from '../clock.ts'
import type { Device, DeviceOptions } from '../device.ts'
import type { DevicePlan } from '../device-plan.ts'
import { createFixBuffer } from '../fix-buffer.ts'
import { zeroCounters } from '../fleet-event.ts'
import { followPlan } from '../follow-plan.ts'
import { createGt06Wire } from './gt06-wire.ts'
import { createTeltonikaWire } from './teltonika-wire.ts'
import { startTrackerLink, type TrackerSession } from './tracker-link.ts'
import type { TrackerWire } from './tracker-wire.ts'

export const TRACKER_PROTOCOLS = { gt06: createGt06Wire, teltonika: createTeltonikaWire } as const satisfies Record<
  string,
  () => TrackerWire
>
export type TrackerProtocol = keyof typeof TRACKER_PROTOCOLS

/** The device's number is its id: it has no other. */
const IMEI = /^\d{8,16}$/

/**
 * Starts one tracker that speaks its maker's protocol: login, then message after message, each of which waits for its acknowledgement;
 * what it could not deliver is stored and sent again. @throws TypeError for an id that is no IMEI, or an address that is not TCP
 */
export function startTrackerDevice(plan: DevicePlan, protocol: TrackerProtocol, options: DeviceOptions): Device {
  const { deviceId } = plan
  const { clock, onEvent } = options
  const { protocol: scheme, hostname, port } = new URL(options.url)
  if (!IMEI.test(deviceId)) throw new TypeError(`${deviceId} is no IMEI: a tracker is known by digits alone`)
  if (scheme !== 'tcp:' || port === '') throw new TypeError(`${options.url} is no address such as tcp://127.0.0.1:5023`)
  const wire = TRACKER_PROTOCOLS[protocol]()
  const stopping = new AbortController()
  const buffer = createFixBuffer(options.bufferSize)
  const counters = zeroCounters()
  let session: TrackerSession | undefined
  let connections = 0
  let inFlight = 0
  /** Fixes that were stored when the link came up, not sent again yet. */
  let backlog = 0
  let newest: LocationUpdate | undefined
  let pressedAt: number | undefined
  const change = createChange()
  const isDrained = () => buffer.size === 0 && inFlight === 0

  const link = startTrackerLink({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port),
    imei: deviceId,
    wire,
    backOff: options.backOff,
    random: options.random,
    onUp(fresh) {
      session = fresh
      connections += 1
      backlog = buffer.size
      counters.connected = 1
      if (connections > 1) counters.reconnects += 1
      onEvent({ type: 'connected', deviceId, again: connections > 1 })
      void converse(fresh)
    },
    onDown(reason, refused) {
      session = undefined
      counters.connected = 0
      if (refused) counters.connectsRefused += 1
      onEvent({ type: 'disconnected', deviceId, reason, refused })
      change.happened()
    },
    onCommand: text => onEvent({ type: 'notice', deviceId, message: `command: ${text}` }),
  })

  /** One message after the other, the button before all else, until the connection ends. */
  async function converse(own: TrackerSession) {
    try {
      while (session === own) {
        if (pressedAt !== undefined && newest !== undefined) await sendSos(own, pressedAt, newest)
        else if (buffer.size > 0) await sendFixes(own)
        else await idle(own)
        change.happened()
      }
    } catch {
      // The link tells that it is down; what was not acknowledged is in the buffer again.
      change.happened()
    }
  }

  async function sendSos(own: TrackerSession, at: number, where: LocationUpdate) {
    await own.exchange(wire.sos({ ...where, timestamp: at }))
    pressedAt = undefined
  }

  async function sendFixes(own: TrackerSession) {
    const fixes = buffer.take(wire.maxFixes, Number.POSITIVE_INFINITY)
    inFlight = fixes.length
    counters.sent += fixes.length
    try {
      await own.exchange(wire.fixes(fixes))
    } catch (error) {
      for (const fix of fixes) buffer.add(fix)
      throw error
    } finally {
      inFlight = 0
    }
    counters.acknowledged += fixes.length
    if (backlog === 0) return
    const resent = Math.min(backlog, fixes.length)
    backlog -= resent
    counters.resent += resent
    if (backlog === 0) onEvent({ type: 'resent', deviceId, fixes: resent, left: 0 })
  }

  /** Waits for something to say; says that it lives when there is nothing. */
  async function idle(own: TrackerSession) {
    const over = new AbortController()
    const silence = sleep(options.keepAliveSeconds * 1_000, over.signal).then(() => !over.signal.aborted)
    const isSilent = await Promise.race([silence, change.next().then(() => false)])
    over.abort()
    if (!isSilent || session !== own) return
    const { bytes, answered } = wire.heartbeat(newest)
    if (answered) await own.exchange(bytes)
    else own.send(bytes)
  }

  function take(fix: LocationUpdate) {
    newest = fix
    counters.taken += 1
    buffer.add(fix)
    change.happened()
  }

  /** Its id is the platform's own: such a tracker has none to give. */
  function pressSos(): string {
    const at = Math.floor(clock.now() / 1_000) * 1_000
    const sosId = `${protocol}-${pressedAt ?? at}`
    if (pressedAt !== undefined) return sosId
    pressedAt = at
    onEvent({ type: 'sos-triggered', deviceId, sosId })
    change.happened()
    return sosId
  }

  /** Such a device has no way to take it back. */
  function cancelSos() {}

  const following = followPlan(plan, {
    clock,
    stopping: stopping.signal,
    link,
    button: { press: pressSos, cancel: cancelSos },
    onEvent,
    change,
    take,
    isFull: () => session !== undefined && buffer.size > options.bufferSize / 2,
    isDrained,
  })

  let closed: Promise<void> | undefined
  async function shutDown(drainMs: number) {
    stopping.abort()
    const deadline = AbortSignal.timeout(drainMs)
    deadline.addEventListener('abort', change.happened, { once: true })
    while (connections > 0 && !(isDrained() && pressedAt === undefined) && !deadline.aborted) await change.next()
    await link.close()
    session = undefined
    counters.connected = 0
    change.happened()
    await following.ended
  }

  return {
    deviceId,
    counters: () => ({ ...counters, buffered: buffer.size + inFlight, dropped: buffer.dropped }),
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
