import { useEffect } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import { useStore } from '../hooks/use-store.ts'
import { useUnits } from '../hooks/use-units.ts'
import { absoluteTime, durationText } from '../live/time-text.ts'
import { speedText } from '../live/units.ts'
import { Icon } from '../panels/icons.tsx'
import { PLAYBACK_SPEEDS, type Playback } from './playback.ts'
import { pointAt, type Stop } from './track.ts'

interface Props {
  readonly fixes: readonly LocationUpdate[]
  readonly stops: readonly Stop[]
  readonly playback: Playback
}

/** Runs through the way: play and pause, how fast, and a slider to any moment of it. Stops are marked on it, and gone to. */
export function PlaybackBar({ fixes, stops, playback }: Props) {
  const { timeMs, playing, speed } = useStore(playback.store)
  const { units } = useUnits()
  useFrames(playback, playing)

  const first = fixes[0]
  const last = fixes.at(-1)
  if (first === undefined || last === undefined) return null
  const shownMs = Math.min(last.timestamp, Math.max(first.timestamp, timeMs ?? last.timestamp))
  const point = pointAt(fixes, shownMs)
  const lengthMs = Math.max(1, last.timestamp - first.timestamp)
  const stop = stops.find(({ fromMs, toMs }) => fromMs <= shownMs && shownMs < toMs)
  const speedNow = point?.fix.location.speed
  const told = [
    stop !== undefined
      ? `stands for ${durationText(stop.toMs - stop.fromMs)}`
      : speedNow === undefined
        ? ''
        : speedText(speedNow, units),
  ].filter(text => text !== '')

  const toStop = (direction: 1 | -1): void => {
    const goal =
      direction === 1
        ? stops.find(({ fromMs }) => fromMs > shownMs)
        : stops.findLast(({ fromMs }) => fromMs < shownMs - 1_000)
    playback.pause()
    playback.seek(goal?.fromMs ?? (direction === 1 ? last.timestamp : first.timestamp))
  }

  return (
    <section className="playback" aria-label="Playback">
      <div className="playback__row">
        <button
          className="button button--small"
          type="button"
          aria-label="Stop before"
          title="Stop before"
          onClick={() => toStop(-1)}
        >
          <Icon name="back" />
        </button>
        <button
          className="button button--small button--primary"
          type="button"
          aria-label={playing ? 'Pause' : 'Play'}
          onClick={playing ? playback.pause : playback.play}
        >
          <Icon name={playing ? 'pause' : 'play'} />
        </button>
        <button
          className="button button--small"
          type="button"
          aria-label="Next stop"
          title="Next stop"
          onClick={() => toStop(1)}
        >
          <Icon name="next" />
        </button>
        <label className="playback__speed">
          <span className="hidden">Playback speed</span>
          <select value={speed} onChange={event => playback.setSpeed(Number(event.target.value))}>
            {PLAYBACK_SPEEDS.map(factor => (
              <option key={factor} value={factor}>
                {factor} ×
              </option>
            ))}
          </select>
        </label>
        <output className="playback__time">
          <b>{absoluteTime(shownMs)}</b> {told.join(' · ')}
        </output>
        {timeMs !== null && (
          <button className="button button--small" type="button" onClick={playback.toNewest}>
            Newest
          </button>
        )}
      </div>
      <div className="playback__slider">
        <input
          type="range"
          aria-label="Moment"
          aria-valuetext={`${absoluteTime(shownMs)} ${told.join(', ')}`}
          min={first.timestamp}
          max={last.timestamp}
          step={1_000}
          value={shownMs}
          onChange={event => {
            playback.pause()
            playback.seek(Number(event.target.value))
          }}
        />
        <div className="playback__stops" aria-hidden="true">
          {stops.map(({ fromMs, toMs }) => (
            <i
              key={fromMs}
              style={{
                left: `${(100 * (fromMs - first.timestamp)) / lengthMs}%`,
                width: `${(100 * (toMs - fromMs)) / lengthMs}%`,
              }}
            />
          ))}
        </div>
      </div>
    </section>
  )
}

/** Moves the playback on, frame by frame, while it plays. */
function useFrames(playback: Playback, playing: boolean): void {
  useEffect(() => {
    if (!playing) return
    let beforeMs = performance.now()
    let frame = requestAnimationFrame(function advance(nowMs) {
      playback.advance(Math.max(0, nowMs - beforeMs))
      beforeMs = nowMs
      frame = requestAnimationFrame(advance)
    })
    return () => cancelAnimationFrame(frame)
  }, [playback, playing])
}
