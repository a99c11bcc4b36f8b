import type { LocationUpdate } from '../contract/index.ts'
import type { Change } from './change.ts'
import type { SimClock } from './clock.ts'
import type { DevicePlan } from './device-plan.ts'
import type { FleetEvent } from './fleet-event.ts'
import type { Link } from './link.ts'
import type { TrackPoint } from './track.ts'

export interface FollowOptions {
  readonly clock: SimClock
  /** Aborted when the device is closed. */
  readonly stopping: AbortSignal
  readonly link: Pick<Link, 'cut' | 'restore'>
  readonly button: { press(message?: string): void; cancel(): void }
  readonly onEvent: (event: FleetEvent) => void
  readonly change: Change
  /** A fresh fix. */
  readonly take: (fix: LocationUpdate) => void
  /** Faster than real time the receiver can outrun the network: it waits rather than lose what a real device would not. */
  readonly isFull: () => boolean
  /** Whether all that was taken is acknowledged. */
  readonly isDrained: () => boolean
}

export interface Following {
  /** Cuts the link for so many simulated seconds. */
  cut(seconds: number): void
  /** Settles when the track has ended and the trouble that was planned with it. */
  readonly ended: Promise<void>
  /** Settles when the track has ended and all of it is acknowledged. */
  readonly finished: Promise<void>
}

/** Drives a device along its plan: its track on the clock, cuts of its link, its button. */
export function followPlan(plan: DevicePlan, options: FollowOptions): Following {
  const { clock, stopping, link, onEvent, change, isDrained } = options
  const { deviceId } = plan
  /** Aborted when the track ends: the planned trouble with the link ends with it. */
  const travelling = new AbortController()

  async function followTrack() {
    const startMs = clock.now()
    const track = typeof plan.track === 'function' ? plan.track(startMs) : plan.track
    let untimedMs = startMs
    for await (const point of track) {
      const atMs = point.timestampMs ?? untimedMs
      untimedMs += plan.intervalSeconds * 1_000
      await clock.sleepUntil(atMs, stopping)
      if (stopping.aborted) break
      options.take(toUpdate(point, atMs, plan))
      while (options.isFull() && !stopping.aborted) await change.next()
    }
    travelling.abort()
    if (!stopping.aborted) onEvent({ type: 'track-ended', deviceId })
    change.happened()
  }

  async function cut(seconds: number, signal: AbortSignal) {
    onEvent({ type: 'link-cut', deviceId, seconds })
    link.cut()
    await clock.sleepUntil(clock.now() + seconds * 1_000, signal)
    link.restore()
  }

  const travel = followTrack()
  const ended = Promise.all([
    travel,
    followLinkPlan(plan.link, clock, AbortSignal.any([stopping, travelling.signal]), cut),
    followSosPlan(plan.sos, clock, stopping, options.button),
  ]).then(() => undefined)
  // A failure is met by whoever awaits `finished` or closes the device; without this it would end the process before that.
  ended.catch(() => undefined)
  const finished = travel.then(async () => {
    while (!isDrained()) await change.next()
  })
  finished.catch(() => undefined)

  return { cut: seconds => void cut(seconds, stopping), ended, finished }
}

/** Cuts the link when the plan says so, until the signal aborts. @param cut resolves when the link is back */
async function followLinkPlan(
  plan: DevicePlan['link'],
  clock: SimClock,
  signal: AbortSignal,
  cut: (seconds: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (plan === undefined) return
  let cutAtMs = clock.now() + plan.firstCutAfterSeconds * 1_000
  while (!signal.aborted) {
    await clock.sleepUntil(cutAtMs, signal)
    if (signal.aborted) return
    await cut(plan.cutForSeconds, signal)
    if (plan.everySeconds === undefined) return
    cutAtMs += plan.everySeconds * 1_000
  }
}

/** Presses the button when the plan says so, until the signal aborts. */
async function followSosPlan(
  plan: DevicePlan['sos'],
  clock: SimClock,
  signal: AbortSignal,
  button: { press(message?: string): void; cancel(): void },
): Promise<void> {
  if (plan === undefined) return
  let pressAtMs = clock.now() + plan.afterSeconds * 1_000
  while (!signal.aborted) {
    await clock.sleepUntil(pressAtMs, signal)
    if (signal.aborted) return
    button.press(plan.message)
    if (plan.cancelAfterSeconds !== undefined) {
      await clock.sleepUntil(pressAtMs + plan.cancelAfterSeconds * 1_000, signal)
      if (!signal.aborted) button.cancel()
    }
    if (plan.againAfterSeconds === undefined) return
    pressAtMs += plan.againAfterSeconds * 1_000
  }
}

/** A point of the track as the receiver tells it at that time. */
function toUpdate(point: TrackPoint, timestamp: number, plan: DevicePlan): LocationUpdate {
  const { lat, lng, accuracy, speed, heading, altitude, battery, activity } = point
  return {
    deviceId: plan.deviceId,
    timestamp,
    location: {
      lat,
      lng,
      ...(accuracy === undefined ? {} : { accuracy }),
      ...(speed === undefined ? {} : { speed }),
      ...(heading === undefined ? {} : { heading }),
      ...(altitude === undefined ? {} : { altitude }),
    },
    metadata: {
      ...(battery === undefined ? {} : { battery }),
      network: plan.network ?? 'lte',
      ...(activity === undefined ? {} : { activity }),
    },
    ...(plan.attributes === undefined ? {} : { attributes: { ...plan.attributes } }),
  }
}
