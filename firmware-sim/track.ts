/** One fix of a track, before it becomes a message. Degrees WGS 84, metres, metres per second. */
export interface TrackPoint {
  /** Milliseconds since the Unix epoch; left out where the source has no times (a route that was drawn, not recorded). */
  readonly timestampMs?: number
  readonly lat: number
  readonly lng: number
  /** Metres per second. */
  readonly speed?: number
  /** Degrees clockwise from true north. */
  readonly heading?: number
  /** Metres. */
  readonly altitude?: number
  /** Metres, 68 % radius. */
  readonly accuracy?: number
  /** Per cent. */
  readonly battery?: number
  readonly activity?: string
}

/** A track point that says when. */
export type TimedPoint = TrackPoint & { readonly timestampMs: number }

/** `[longitude, latitude]` or with altitude in metres, as in GeoJSON (RFC 7946 §3.1.1). */
export type Position = readonly [longitude: number, latitude: number, altitude?: number]

/** Whether every point says when it was taken, in order. Two fixes of the same instant are allowed: recordings have them. */
export function isTimed(points: readonly TrackPoint[]): points is readonly TimedPoint[] {
  let previousMs = Number.NEGATIVE_INFINITY
  for (const { timestampMs } of points) {
    if (timestampMs === undefined || timestampMs < previousMs) return false
    previousMs = timestampMs
  }
  return points.length > 0
}

export function positionOf(point: TrackPoint): Position {
  return point.altitude === undefined ? [point.lng, point.lat] : [point.lng, point.lat, point.altitude]
}

/** Moves a recording in time so that its first fix is taken at `startMs`; the gaps stay as they were. */
export function shiftTo(points: readonly TimedPoint[], startMs: number): TimedPoint[] {
  const offsetMs = startMs - (points[0]?.timestampMs ?? startMs)
  return points.map(point => ({ ...point, timestampMs: point.timestampMs + offsetMs }))
}
