import type { LocationUpdate } from '../../../../contract/index.ts'
import { createStore, type Store } from '../live/store.ts'
import { afterSilence } from './track.ts'

export interface PlaybackState {
  /** The moment that is shown; null: the newest, whatever it is. */
  readonly timeMs: number | null
  readonly playing: boolean
  /** Seconds of the track in a second. */
  readonly speed: number
}

/** Which moment of a track is shown. The map and the plots follow it past React, the controls as state. */
export interface Playback {
  readonly store: Store<PlaybackState>
  /** Stays there until it is played. */
  seek(timeMs: number): void
  play(): void
  pause(): void
  setSpeed(speed: number): void
  /** Back to the newest fix. */
  toNewest(): void
  /** Another track, or more of this one. */
  setTrack(fixes: readonly LocationUpdate[]): void
  /** Moves on by a frame; without anything to play it does nothing. */
  advance(elapsedMs: number): void
}

export const PLAYBACK_SPEEDS = [1, 10, 30, 60, 300] as const

export function createPlayback(): Playback {
  const store = createStore<PlaybackState>({ timeMs: null, playing: false, speed: 30 })
  let fixes: readonly LocationUpdate[] = []

  return {
    store,
    seek: timeMs => store.set(state => ({ ...state, timeMs })),
    play() {
      const first = fixes[0]?.timestamp
      const last = fixes.at(-1)?.timestamp
      if (first === undefined || last === undefined) return
      // From the end there is nothing to play but all of it again.
      store.set(state => ({
        ...state,
        playing: true,
        timeMs: state.timeMs === null || state.timeMs >= last ? first : state.timeMs,
      }))
    },
    pause: () => store.set(state => ({ ...state, playing: false })),
    setSpeed: speed => store.set(state => ({ ...state, speed })),
    toNewest: () => store.set(state => ({ ...state, playing: false, timeMs: null })),
    setTrack(next) {
      fixes = next
    },
    advance(elapsedMs) {
      const { playing, timeMs, speed } = store.get()
      const last = fixes.at(-1)?.timestamp
      if (!playing || timeMs === null || last === undefined) return
      const next = afterSilence(fixes, timeMs + elapsedMs * speed)
      if (next >= last) store.set(state => ({ ...state, timeMs: last, playing: false }))
      else store.set(state => ({ ...state, timeMs: next }))
    },
  }
}
