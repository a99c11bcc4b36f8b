import { type PointerEvent, useMemo } from 'react'
import type { LocationUpdate } from '../../../../contract/index.ts'
import { useStore } from '../hooks/use-store.ts'
import { useUnits } from '../hooks/use-units.ts'
import { TRAIL_GAP_MS } from '../live/devices.ts'
import { heightIn, heightUnit, speedIn, speedUnit, type Units } from '../live/units.ts'
import type { Playback } from './playback.ts'
import { indexAt, type Sample, thinned } from './track.ts'

const WIDTH = 600
const HEIGHT = 72
const EDGE = 4
const SLICES = 300

interface Quantity {
  readonly name: string
  readonly unit: (units: Units) => string
  readonly of: (fix: LocationUpdate, units: Units) => number | undefined
  /** A scale that always reaches from here to there; further where the values do. */
  readonly scale: readonly [number, number] | null
}

const QUANTITIES: readonly Quantity[] = [
  {
    name: 'Speed',
    unit: speedUnit,
    of: ({ location }, units) => (location.speed === undefined ? undefined : speedIn(location.speed, units)),
    scale: [0, 20],
  },
  {
    name: 'Altitude',
    unit: heightUnit,
    of: ({ location }, units) => (location.altitude === undefined ? undefined : heightIn(location.altitude, units)),
    scale: null,
  },
  { name: 'Battery', unit: () => '%', of: ({ metadata }) => metadata?.battery, scale: [0, 100] },
]

interface Props {
  readonly fixes: readonly LocationUpdate[]
  readonly playback: Playback
}

/** Speed, altitude and battery over the same time; a pointer on one goes to that moment, as the slider does for keys. */
export function Plots({ fixes, playback }: Props) {
  return (
    <div className="plots">
      {QUANTITIES.map(quantity => (
        <Plot key={quantity.name} quantity={quantity} fixes={fixes} playback={playback} />
      ))}
    </div>
  )
}

function Plot({ quantity, fixes, playback }: Props & { readonly quantity: Quantity }) {
  const { units } = useUnits()
  const { timeMs } = useStore(playback.store)
  const fromMs = fixes[0]?.timestamp ?? 0
  const toMs = Math.max(fromMs + 1, fixes.at(-1)?.timestamp ?? 0)
  const curve = useMemo(() => curveOf(quantity, fixes, units, fromMs, toMs), [quantity, fixes, units, fromMs, toMs])
  const unit = quantity.unit(units)
  if (curve === null) {
    return (
      <figure className="plot">
        <figcaption>
          <b>{quantity.name}</b> <span className="muted">was not reported</span>
        </figcaption>
      </figure>
    )
  }
  const shownMs = timeMs ?? toMs
  const now = valueAt(quantity, fixes, units, shownMs)
  const x = (WIDTH * (shownMs - fromMs)) / (toMs - fromMs)

  const goTo = (event: PointerEvent<SVGSVGElement>): void => {
    if (event.type === 'pointermove' && event.buttons === 0) return
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const part = Math.min(1, Math.max(0, (event.clientX - left) / width))
    playback.pause()
    playback.seek(fromMs + part * (toMs - fromMs))
  }

  return (
    <figure className="plot">
      <figcaption>
        <b>{quantity.name}</b>
        <span>
          {now === undefined ? '–' : `${Math.round(now)} ${unit}`}
          <span className="muted">
            {' '}
            {Math.round(curve.lowest)} to {Math.round(curve.highest)} {unit}
          </span>
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${quantity.name}: ${Math.round(curve.lowest)} to ${Math.round(curve.highest)} ${unit}`}
        onPointerDown={goTo}
        onPointerMove={goTo}
      >
        <path className="chart__base" d={`M0 ${HEIGHT - EDGE}H${WIDTH}`} />
        <path className="plot__area" d={curve.area} />
        <path className="chart__line" d={curve.line} />
        <path className="plot__cursor" d={`M${x.toFixed(1)} 0V${HEIGHT}`} />
      </svg>
    </figure>
  )
}

interface Curve {
  readonly line: string
  readonly area: string
  readonly lowest: number
  readonly highest: number
}

function curveOf(
  { of, scale }: Quantity,
  fixes: readonly LocationUpdate[],
  units: Units,
  fromMs: number,
  toMs: number,
): Curve | null {
  const samples: Sample[] = []
  for (const fix of fixes) {
    const value = of(fix, units)
    if (value !== undefined) samples.push({ timestamp: fix.timestamp, value })
  }
  if (samples.length < 2) return null
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (const { value } of samples) {
    lowest = Math.min(lowest, value)
    highest = Math.max(highest, value)
  }
  const bottom = Math.min(lowest, scale?.[0] ?? lowest - 5)
  const top = Math.max(highest, scale?.[1] ?? highest + 5)
  let line = ''
  let area = ''
  let before = Number.NEGATIVE_INFINITY
  let x = ''
  for (const { timestamp, value } of thinned(samples, SLICES)) {
    const begins = timestamp - before > Math.max(TRAIL_GAP_MS, (2 * (toMs - fromMs)) / SLICES)
    if (begins && area !== '') area += `L${x} ${HEIGHT - EDGE}Z`
    x = ((WIDTH * (timestamp - fromMs)) / (toMs - fromMs)).toFixed(1)
    const y = (EDGE + (HEIGHT - 2 * EDGE) * (1 - (value - bottom) / (top - bottom))).toFixed(1)
    line += `${begins ? 'M' : 'L'}${x} ${y}`
    area += begins ? `M${x} ${HEIGHT - EDGE}L${x} ${y}` : `L${x} ${y}`
    before = timestamp
  }
  return { line, area: `${area}L${x} ${HEIGHT - EDGE}Z`, lowest, highest }
}

/** The newest that was reported until then, unless that is long ago. */
function valueAt({ of }: Quantity, fixes: readonly LocationUpdate[], units: Units, timeMs: number): number | undefined {
  for (let i = indexAt(fixes, timeMs); i >= 0; i -= 1) {
    const fix = fixes[i]!
    if (timeMs - fix.timestamp > TRAIL_GAP_MS) return undefined
    const value = of(fix, units)
    if (value !== undefined) return value
  }
  return undefined
}
