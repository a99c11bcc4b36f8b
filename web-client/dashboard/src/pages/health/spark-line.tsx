const WIDTH = 200
const HEIGHT = 44

/** The course of a value; gaps stay gaps. Decoration: the newest value stands beside it as text. */
export function SparkLine({ values }: { readonly values: readonly (number | null)[] }) {
  const known = values.filter(value => value !== null)
  const top = Math.max(1e-9, ...known)
  const step = WIDTH / Math.max(1, values.length - 1)
  const strokes: string[] = []
  let drawing = false
  for (const [i, value] of values.entries()) {
    if (value === null) {
      drawing = false
      continue
    }
    const y = HEIGHT - 3 - (value / top) * (HEIGHT - 6)
    strokes.push(`${drawing ? 'L' : 'M'}${(i * step).toFixed(1)} ${y.toFixed(1)}`)
    drawing = true
  }
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={strokes.join('')} />
    </svg>
  )
}
