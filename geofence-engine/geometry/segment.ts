/** A stretch of a segment, as fractions of the way from its beginning (0) to its end (1). */
export type Span = readonly [from: number, to: number]

/** A straight way in longitude/latitude, the short way round: `lng2` may lie beyond ±180 so that it is. */
export interface Segment {
  readonly lng1: number
  readonly lat1: number
  readonly lng2: number
  readonly lat2: number
}

/** Degrees of latitude and of longitude at the equator are nowhere longer than this, in metres. */
const MAX_LAT_DEGREE_METERS = 111_694
const MAX_LNG_DEGREE_METERS = 111_320
/** Borders are found this exactly along a segment, metres. */
const EXACT_METERS = 0.05
/** What is shorter than this part of a segment may be passed over. */
const LEAST_PART = 1 / 1024

/** The segment between two positions, the short way round. */
export function segmentBetween(lng1: number, lat1: number, lng2: number, lat2: number): Segment {
  return { lng1, lat1, lng2: lng2 + 360 * Math.round((lng1 - lng2) / 360), lat2 }
}

/** The position at a fraction of the way, its longitude within ±180. */
export function positionAt({ lng1, lat1, lng2, lat2 }: Segment, fraction: number): [lng: number, lat: number] {
  const lng = lng1 + fraction * (lng2 - lng1)
  return [Math.abs(lng) <= 180 ? lng : lng - 360 * Math.sign(lng), lat1 + fraction * (lat2 - lat1)]
}

/** An upper bound of the length in metres, and of how much any distance can change along the segment. */
export function longestMeters({ lng1, lat1, lng2, lat2 }: Segment): number {
  const nearestToEquator = lat1 * lat2 <= 0 ? 0 : Math.min(Math.abs(lat1), Math.abs(lat2))
  const perLng = MAX_LNG_DEGREE_METERS * 1.004 * Math.cos((nearestToEquator * Math.PI) / 180)
  return Math.hypot((lat2 - lat1) * MAX_LAT_DEGREE_METERS, (lng2 - lng1) * perLng)
}

/** Where an area covers a segment, given all fractions at which its border may be crossed. */
export function spansBetween(segment: Segment, cuts: number[], covers: (lng: number, lat: number) => boolean): Span[] {
  const at = [0, ...cuts.sort((a, b) => a - b), 1]
  const spans: [number, number][] = []
  for (let i = 1; i < at.length; i++) {
    const from = at[i - 1]!
    const to = at[i]!
    if (from === to || !covers(...positionAt(segment, (from + to) / 2))) continue
    const last = spans.at(-1)
    if (last !== undefined && last[1] === from) last[1] = to
    else spans.push([from, to])
  }
  return spans
}

/**
 * Fractions at which the sign of `outsideMeters` changes along a segment: a distance to the border, negative inside. Since it changes by
 * at most a metre per metre, long stretches are passed over at once. A visit shorter than a thousandth of the segment may be missed.
 */
export function signChanges(segment: Segment, outsideMeters: (lng: number, lat: number) => number): number[] {
  const length = longestMeters(segment)
  const valueAt = (fraction: number) => outsideMeters(...positionAt(segment, fraction))
  const found: number[] = []
  const search = (from: number, fromValue: number, to: number, toValue: number): void => {
    const differ = fromValue > 0 !== toValue > 0
    const part = (to - from) * length
    if (!differ && Math.abs(fromValue) + Math.abs(toValue) > part) return
    if (differ ? part <= EXACT_METERS : to - from <= LEAST_PART || part <= EXACT_METERS) {
      if (differ) found.push((from + to) / 2)
      return
    }
    const middle = (from + to) / 2
    const value = valueAt(middle)
    search(from, fromValue, middle, value)
    search(middle, value, to, toValue)
  }
  if (length > 0) search(0, valueAt(0), 1, valueAt(1))
  return found
}
