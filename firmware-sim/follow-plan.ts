import type { LocationUpdate } from '../contract/index.ts'
import type { SimClock } from './clock.ts'
import type { DevicePlan } from './device-plan.ts'
import type { TrackPoint } from './track.ts'

/** Cuts the link when the plan says so, until the signal aborts. @param cut resolves when the link is back */
export async function followLinkPlan(
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
export async function followSosPlan(
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
export function toUpdate(point: TrackPoint, timestamp: number, plan: DevicePlan): LocationUpdate {
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
