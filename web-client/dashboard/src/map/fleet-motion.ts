import type { Devices } from '../live/devices.ts'
import type { Store } from '../live/store.ts'
import { type Glide, isGliding, positionAt, startGlide } from './glide.ts'

/** Where each device is drawn, frame by frame, without React. */
export interface FleetMotion {
  /** `[longitude, latitude]`, or null when the device has never reported. */
  positionOf(deviceId: string): readonly [number, number] | null
  /** Called when something to be drawn has changed, at most ten times a second and only while the tab is seen. */
  onFrame(listener: () => void): () => void
  /** Asks for a frame: something else that is drawn has changed. */
  invalidate(): void
  close(): void
}

/** Above this many devices markers jump from fix to fix: then the eye follows the swarm, and the drawing must keep up. */
export const GLIDING_DEVICES = 400
const FRAME_MS = 100
const LARGE_FLEET_FRAME_MS = 500

export function startFleetMotion(devices: Store<Devices>, reducedMotion: MediaQueryList): FleetMotion {
  const glides = new Map<string, Glide>()
  const seen = new Map<string, number>()
  const listeners = new Set<() => void>()
  let frame = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let waiting = false
  let lastFrameMs = 0

  const frameMs = (): number => (devices.get().size > GLIDING_DEVICES ? LARGE_FLEET_FRAME_MS : FRAME_MS)

  const takeFixes = (): void => {
    const nowMs = performance.now()
    const smooth = !reducedMotion.matches && devices.get().size <= GLIDING_DEVICES
    for (const { id, fix } of devices.get().values()) {
      if (fix === null || seen.get(id) === fix.timestamp) continue
      seen.set(id, fix.timestamp)
      glides.set(id, startGlide(smooth ? glides.get(id) : undefined, [fix.location.lng, fix.location.lat], nowMs))
    }
    request()
  }

  const request = (): void => {
    if (waiting) return
    waiting = true
    timer = setTimeout(
      () => {
        frame = requestAnimationFrame(draw)
      },
      Math.max(0, lastFrameMs + frameMs() - performance.now()),
    )
  }

  const draw = (): void => {
    waiting = false
    lastFrameMs = performance.now()
    for (const listener of listeners) listener()
    for (const glide of glides.values()) {
      if (isGliding(glide, lastFrameMs)) return request()
    }
  }

  const unsubscribe = devices.subscribe(takeFixes)
  takeFixes()
  return {
    positionOf(deviceId) {
      const glide = glides.get(deviceId)
      return glide === undefined ? null : positionAt(glide, performance.now())
    },
    onFrame(listener) {
      listeners.add(listener)
      request()
      return () => listeners.delete(listener)
    },
    invalidate: request,
    close() {
      unsubscribe()
      clearTimeout(timer)
      cancelAnimationFrame(frame)
      listeners.clear()
    },
  }
}
