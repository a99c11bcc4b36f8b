import type { Console } from './hooks/live-context.ts'
import type { AlertEvent } from './live/alerts.ts'
import type { ConnectionState } from './live/connection.ts'
import { stateOf } from './live/devices.ts'
import { openAlerts, type SosAlert } from './live/sos.ts'

/**
 * What the dashboard shows, as plain data: for browser tests, and for a look from the developer console.
 * Read only; `window.__trackwire` is undefined while nobody is logged in.
 */
export interface Snapshot {
  readonly connection: ConnectionState
  /** How far what is drawn is behind what happens, milliseconds. */
  readonly behindMs: number
  /** Since the page was opened. */
  readonly fixesTaken: number
  readonly devices: readonly {
    readonly id: string
    readonly name: string
    readonly state: string
    /** Time of the newest fix, or null when there is none. */
    readonly timestamp: number | null
    /** The newest fix, `[longitude, latitude]`. */
    readonly position: readonly [number, number] | null
    /** Where the marker is drawn now: at most 0.9 s behind. */
    readonly drawn: readonly [number, number] | null
    readonly trailPoints: number
  }[]
  readonly fences: readonly string[]
  /** Newest first. */
  readonly alerts: readonly AlertEvent[]
  /** Ids of alerts that do not stand. */
  readonly retracted: readonly string[]
  /** Open ones, unacknowledged first. */
  readonly sos: readonly SosAlert[]
  readonly selected: string | null
}

declare global {
  interface Window {
    __trackwire?: { snapshot(): Snapshot }
  }
}

/** @returns takes it away again */
export function exposeSnapshot({ live, motion, selection }: Console): () => void {
  const exposed = Object.freeze({
    snapshot: (): Snapshot => ({
      connection: live.connection.store.get(),
      behindMs: live.delay.get().behindMs,
      fixesTaken: live.fixesTaken(),
      devices: [...live.devices.get().values()].map(device => ({
        id: device.id,
        name: device.name,
        state: stateOf(device, live.now()),
        timestamp: device.fix?.timestamp ?? null,
        position: device.fix === null ? null : [device.fix.location.lng, device.fix.location.lat],
        drawn: motion.positionOf(device.id),
        trailPoints: device.trail.length,
      })),
      fences: [...live.fences.get().keys()],
      alerts: live.alerts.get().list,
      retracted: [...live.alerts.get().retracted],
      sos: openAlerts(live.sos.get()),
      selected: selection.store.get().deviceId,
    }),
  })
  window.__trackwire = exposed
  return () => {
    if (window.__trackwire === exposed) delete window.__trackwire
  }
}
