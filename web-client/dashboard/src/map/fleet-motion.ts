import type { Devices } from '../live/devices.ts'
import type { Store } from '../live/store.ts'
import { type Glide, isGliding, positionAt, startGlide } from './glide.ts'

/** Where each device is drawn, frame by frame, without React. */
export interface FleetMotion {
  /** `[longitude, latitude]`, or null when the device has never reported. */
  positionOf(deviceId: string): readonly [number, number] | null
  /**
   * Called when something to be drawn has changed, at most ten times a second and only while the tab is seen. The next
   * frame waits for what the listener returns: a map that is slow is not sent more than it can draw.
   */
  onFrame(listener: () => unknown): () => void
  /** Asks for a frame: something else that is drawn has changed. */
  invalidate(): void
  close(): void
}

/** Above this many devices markers jump from fix to fix: then the eye follows the swarm, and the drawing must keep up. */
export const GLIDING_DEVICES = 400
const FRAME_MS = 100
const LARGE_FLEET_FRAME_MS = 500
/** However slow the machine, the map moves this often. */
const SLOWEST_FRAME_MS = 2_000
/** A map whose style changes meanwhile may never answer. */
const PATIENCE_MS = 4_000

/** @param onDrawn told how long a change took until it was drawn, milliseconds */
export function startFleetMotion(
  devices: Store<Devices>,
  reducedMotion: MediaQueryList,
  onDrawn: (delayMs: number) => void,
): FleetMotion {
  const glides = new Map<string, Glide>()
  const seen = new Map<string, number>()
  const listeners = new Set<() => unknown>()
  let frame = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let busy = false
  let wanted = false
  let closed = false
  let lastFrameMs = 0
  /** What the last frame cost: half of the time at least is left to everything else. */
  let costMs = 0
  /** Since when something is not drawn that the operator could see. */
  let waitingSinceMs: number | null = null

  const frameMs = (): number => {
    const wish = devices.get().size > GLIDING_DEVICES ? LARGE_FLEET_FRAME_MS : FRAME_MS
    return Math.min(SLOWEST_FRAME_MS, Math.max(wish, 2 * costMs))
  }

  const takeFixes = (): void => {
    const nowMs = performance.now()
    const smooth = !reducedMotion.matches && devices.get().size <= GLIDING_DEVICES
    for (const { id, fix } of devices.get().values()) {
      if (fix === null || seen.get(id) === fix.timestamp) continue
      seen.set(id, fix.timestamp)
      glides.set(id, startGlide(smooth ? glides.get(id) : undefined, [fix.location.lng, fix.location.lat], nowMs))
      waitingSinceMs ??= nowMs
    }
    request()
  }

  const request = (): void => {
    wanted = true
    if (busy || closed) return
    busy = true
    timer = setTimeout(
      () => {
        const dueMs = performance.now()
        frame = requestAnimationFrame(() => draw(dueMs))
      },
      Math.max(0, lastFrameMs + frameMs() - performance.now()),
    )
  }

  const draw = async (dueMs: number): Promise<void> => {
    wanted = false
    lastFrameMs = performance.now()
    const sinceMs = waitingSinceMs
    waitingSinceMs = null
    let patience: ReturnType<typeof setTimeout> | undefined
    await Promise.race([
      Promise.allSettled([...listeners].map(async listener => listener())).then(twoFrames),
      new Promise(resolve => {
        patience = setTimeout(resolve, PATIENCE_MS)
      }),
    ])
    clearTimeout(patience)
    const nowMs = performance.now()
    costMs = nowMs - dueMs
    if (sinceMs !== null && listeners.size > 0) onDrawn(nowMs - sinceMs)
    busy = false
    if (wanted || [...glides.values()].some(glide => isGliding(glide, nowMs))) request()
  }

  /** The map draws in the first one; the second comes when the machine is through with it. */
  const twoFrames = (): Promise<void> =>
    new Promise(resolve => {
      frame = requestAnimationFrame(() => {
        frame = requestAnimationFrame(() => resolve())
      })
    })

  /** A tab that nobody sees is not drawn, so nothing was late. */
  const onVisible = (): void => {
    if (document.visibilityState === 'visible' && waitingSinceMs !== null) waitingSinceMs = performance.now()
  }

  document.addEventListener('visibilitychange', onVisible)
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
      closed = true
      unsubscribe()
      document.removeEventListener('visibilitychange', onVisible)
      clearTimeout(timer)
      cancelAnimationFrame(frame)
      listeners.clear()
    },
  }
}
