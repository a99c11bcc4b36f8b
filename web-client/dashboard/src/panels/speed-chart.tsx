import { useMemo } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import { HISTORY_MS, type History } from '../hooks/use-history.ts'
import { useUnits } from '../hooks/use-units.ts'
import { speedText } from '../live/units.ts'

const WIDTH = 280
const HEIGHT = 44
/** A line across a longer silence would claim a speed nobody measured. */
const GAP_MS = 3 * 60_000

interface Shape {
  readonly path: string
  readonly topMps: number
}

function shapeOf(fixes: readonly LocationUpdate[], endMs: number): Shape | null {
  const points = fixes.flatMap(({ timestamp, location }) =>
    location.speed === undefined ? [] : [{ timestamp, speed: location.speed }],
  )
  if (points.length < 2) return null
  const topMps = Math.max(...points.map(({ speed }) => speed), 5)
  let path = ''
  let before = Number.NEGATIVE_INFINITY
  for (const { timestamp, speed } of points) {
    const x = WIDTH * (1 - (endMs - timestamp) / HISTORY_MS)
    const y = HEIGHT - 2 - (speed / topMps) * (HEIGHT - 6)
    path += `${timestamp - before > GAP_MS ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`
    before = timestamp
  }
  return { path, topMps }
}

/** The speeds the device itself reported in the last hour. */
export function SpeedChart({ history, nowMs }: { readonly history: History; readonly nowMs: number }) {
  // The fetched hour ends when it was fetched; the axis moves on by the minute, not by the second.
  const endMs = Math.ceil(nowMs / 60_000) * 60_000
  const { units } = useUnits()
  const shape = useMemo(() => shapeOf(history.fixes, endMs), [history, endMs])
  if (history.state === 'loading') return <p className="muted">Loading…</p>
  if (history.state === 'failed') return <p className="muted">The history could not be loaded.</p>
  if (shape === null) return <p className="muted">No speeds were reported.</p>
  return (
    <figure className="chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Up to ${speedText(shape.topMps, units)}`}
      >
        <path className="chart__base" d={`M0 ${HEIGHT - 2}H${WIDTH}`} />
        <path className="chart__line" d={shape.path} />
      </svg>
      <figcaption>
        <span>1 h ago</span>
        <span>up to {speedText(shape.topMps, units)}</span>
        <span>now</span>
      </figcaption>
    </figure>
  )
}
