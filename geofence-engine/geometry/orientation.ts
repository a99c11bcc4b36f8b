/** Shewchuk's bound for the rounding error of the determinant below, relative to the sum of its two products. */
const ERROR_BOUND = 3.330_669_073_875_471_6e-16

/**
 * On which side of the line a → b the point c lies: > 0 left, < 0 right, exactly 0 on it. The sign is exact for all
 * doubles, so a point on a border is on the border in every engine that is exact (PostGIS is).
 */
export function orientation(ax: number, ay: number, bx: number, by: number, cx: number, cy: number): number {
  const left = (ax - cx) * (by - cy)
  const right = (ay - cy) * (bx - cx)
  const determinant = left - right
  const bound = ERROR_BOUND * (Math.abs(left) + Math.abs(right))
  if (determinant > bound || -determinant > bound) return determinant
  return exactOrientation([ax, ay, bx, by, cx, cy])
}

/** The same sign in integers: doubles are fractions of powers of two, so one shift makes all six of them whole. */
function exactOrientation(values: readonly number[]): number {
  const parts = values.map(binaryParts)
  const lowest = Math.min(...parts.map(({ exponent }) => exponent))
  const [ax, ay, bx, by, cx, cy] = parts.map(({ mantissa, exponent }) => mantissa << BigInt(exponent - lowest))
  const determinant = (ax! - cx!) * (by! - cy!) - (ay! - cy!) * (bx! - cx!)
  return determinant > 0n ? 1 : determinant < 0n ? -1 : 0
}

/** A finite double as `mantissa * 2 ** exponent`. IEEE 754-2008 §3.4 */
function binaryParts(value: number): { mantissa: bigint; exponent: number } {
  if (value === 0) return { mantissa: 0n, exponent: 0 }
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const biased = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xf_ffff_ffff_ffffn
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n)
  return { mantissa: value < 0 ? -mantissa : mantissa, exponent: (biased === 0 ? 1 : biased) - 1075 }
}
