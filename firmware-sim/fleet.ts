import type { Logger } from 'pino'
import { buildTopic } from '../contract/index.ts'
import { type BackOffPlan, FIRMWARE_BACK_OFF } from './back-off.ts'
import { createSimClock, type SimClock, sleep } from './clock.ts'
import { type Device, type DeviceOptions, startDevice } from './device.ts'
import type { DevicePlan } from './device-plan.ts'
import { type Counters, type FleetEvent, sumCounters } from './fleet-event.ts'
import { createRandom } from './random.ts'
import { startTrackerDevice, type TrackerProtocol } from './trackers/tracker-device.ts'

export interface FleetOptions {
  /** `mqtt://host:1883`, also `mqtts://`, `ws://`, `wss://`; of a tracker listener `tcp://host:5023`. */
  readonly url: string
  /** A maker's protocol in place of MQTT; device ids are IMEIs then, tokens and the organisation mean nothing. */
  readonly protocol?: TrackerProtocol
  readonly org: string
  readonly devices: readonly DevicePlan[]
  readonly logger?: Logger
  readonly onEvent?: (event: FleetEvent) => void
  /** The time the devices live in; real time by default. */
  readonly clock?: SimClock
  /** Chance of the reconnect waits; tracks bring their own seeds. */
  readonly seed?: number | string
  /** Devices started per second; default 50, all at once with `Infinity`. */
  readonly rampUpPerSecond?: number
  /** QoS of single fixes; batches and SOS are always QoS 1. Default 1. */
  readonly qos?: 0 | 1
  readonly batchSize?: number
  readonly bufferSize?: number
  readonly window?: number
  readonly backOff?: BackOffPlan
  readonly keepAliveSeconds?: number
}

export interface Fleet {
  counters(): Counters
  device(deviceId: string): Device | undefined
  /** Presses a device's SOS button and returns the alert's id; undefined when there is no such device. */
  pressSos(deviceId: string, message?: string): string | undefined
  /** Resolves when every device was started and has finished its track, all acknowledged. */
  readonly finished: Promise<void>
  /** Stops every device gracefully. Idempotent. */
  close(drainMs?: number): Promise<void>
}

/**
 * Starts many devices in one process, each with a connection of its own. Resolves at once; devices join at the ramp-up rate.
 * @throws TypeError when two plans have the same device id, or an id or the org is not valid
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { logger, rampUpPerSecond = 50 } = options
  const clock = options.clock ?? createSimClock()
  const random = createRandom(options.seed ?? 1)
  const devices = new Map<string, Device>()
  const stopping = new AbortController()
  const ids = new Set(options.devices.map(({ deviceId }) => deviceId))
  if (ids.size !== options.devices.length) throw new TypeError('two devices of a fleet have the same id')
  for (const deviceId of ids) buildTopic('location', { org: options.org, deviceId })

  const onEvent = (event: FleetEvent) => {
    if (logger !== undefined) logEvent(logger, event)
    options.onEvent?.(event)
  }

  function startOne(plan: DevicePlan) {
    const deviceOptions: DeviceOptions = {
      url: options.url,
      org: options.org,
      clock,
      random: random.fork(plan.deviceId),
      qos: options.qos ?? 1,
      batchSize: options.batchSize ?? 200,
      bufferSize: options.bufferSize ?? 20_000,
      window: options.window ?? 20,
      backOff: options.backOff ?? FIRMWARE_BACK_OFF,
      keepAliveSeconds: options.keepAliveSeconds ?? 30,
      onEvent,
    }
    const device =
      options.protocol === undefined
        ? startDevice(plan, deviceOptions)
        : startTrackerDevice(plan, options.protocol, deviceOptions)
    devices.set(plan.deviceId, device)
  }

  async function rampUp() {
    for (const plan of options.devices) {
      if (stopping.signal.aborted) return
      startOne(plan)
      if (Number.isFinite(rampUpPerSecond)) await sleep(1_000 / rampUpPerSecond, stopping.signal)
    }
  }

  const started = rampUp()
  const finished = started.then(async () => {
    await Promise.all([...devices.values()].map(device => device.finished))
  })
  // A failing track is met by whoever awaits `finished` or `close`.
  finished.catch(() => undefined)

  let closed: Promise<void> | undefined
  async function shutDown(drainMs?: number) {
    stopping.abort()
    await started
    await Promise.all([...devices.values()].map(device => device.close(drainMs)))
  }

  return {
    counters: () => sumCounters([...devices.values()].map(device => device.counters())),
    device: deviceId => devices.get(deviceId),
    pressSos: (deviceId, message) => devices.get(deviceId)?.pressSos(message),
    finished,
    close(drainMs) {
      closed ??= shutDown(drainMs)
      return closed
    },
  }
}

function logEvent(logger: Logger, event: FleetEvent): void {
  const { type, ...details } = event
  if (type === 'refused' || (type === 'disconnected' && event.refused)) logger.warn(details, `simulator: ${type}`)
  else if (type === 'connected' || type === 'disconnected') logger.debug(details, `simulator: ${type}`)
  else logger.info(details, `simulator: ${type}`)
}
