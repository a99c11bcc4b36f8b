import { useEffect, useState } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import { fetchTrips, type Trip } from '../live/device-answers.ts'
import type { Device } from '../live/devices.ts'
import type { Live } from '../live/live.ts'

export interface TimeWindow {
  readonly fromMs: number
  readonly toMs: number
  /** Reaches to now, and goes on with it. */
  readonly live: boolean
}

export interface Track {
  readonly fixes: readonly LocationUpdate[]
  readonly trips: readonly Trip[]
  readonly state: 'loading' | 'loaded' | 'failed'
}

/** A longer window comes simplified: the page is for looking at it, the files have every fix. */
const EVERY_FIX_MS = 6 * 3_600_000
export const SIMPLIFIED_METERS = 8
export const isSimplified = ({ fromMs, toMs }: TimeWindow): boolean => toMs - fromMs > EVERY_FIX_MS

const NONE: Track = { fixes: [], trips: [], state: 'loading' }

/** What is known of a device in a window of time; one that reaches to now grows with each fix. */
export function useTrack(live: Live, deviceId: string, window: TimeWindow, device: Device | undefined): Track {
  const [track, setTrack] = useState(NONE)

  useEffect(() => {
    let wanted = true
    setTrack(NONE)
    const { fromMs, toMs } = window
    const simplifyMeters = isSimplified(window) ? SIMPLIFIED_METERS : undefined
    Promise.all([
      live.track(deviceId, { fromMs, toMs, simplifyMeters }),
      fetchTrips(live, deviceId, fromMs, toMs).catch(() => []),
    ]).then(
      ([fixes, trips]) => wanted && setTrack({ fixes, trips, state: 'loaded' }),
      () => wanted && setTrack({ fixes: [], trips: [], state: 'failed' }),
    )
    return () => {
      wanted = false
    }
  }, [live, deviceId, window])

  const fix = device?.fix ?? null
  useEffect(() => {
    if (fix === null || !window.live) return
    setTrack(known => {
      const newest = known.fixes.at(-1)?.timestamp ?? window.toMs
      return known.state === 'loaded' && fix.timestamp > newest ? { ...known, fixes: [...known.fixes, fix] } : known
    })
  }, [fix, window])

  return track
}
