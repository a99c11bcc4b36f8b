import type { Fleet } from '../hooks/live-context.ts'
import type { Viewing, ViewingState } from './viewing.ts'

/** What the page of a share link shows, as plain data: for browser tests. Read only. */
export interface ShareSnapshot {
  readonly phase: ViewingState['phase']
  /** Of the connection; null while there is none. */
  readonly live: string | null
  readonly devices: readonly {
    readonly id: string
    /** Where the marker is drawn now, `[longitude, latitude]`. */
    readonly drawn: readonly [number, number] | null
  }[]
}

declare global {
  interface Window {
    __trackwireShare?: { snapshot(): ShareSnapshot }
  }
}

/** @param motion asked with each snapshot: there is none while no map is shown */
export function exposeShareSnapshot(viewing: Viewing, motion: () => Fleet['motion'] | null): void {
  window.__trackwireShare = Object.freeze({
    snapshot: (): ShareSnapshot => ({
      phase: viewing.store.get().phase,
      live: viewing.connection.get()?.store.get().phase ?? null,
      devices: [...viewing.devices.get().keys()].map(id => ({ id, drawn: motion()?.positionOf(id) ?? null })),
    }),
  })
}
