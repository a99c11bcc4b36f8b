import type { Bbox } from './bbox.ts'
import type { Segment, Span } from './segment.ts'

/** What a fence covers. Longitudes of -180 to 180 (both mean the same meridian), degrees; metres on WGS 84. */
export interface Area {
  readonly bboxes: readonly Bbox[]
  /** Whether the area covers the position; its boundary belongs to it. */
  covers(lng: number, lat: number): boolean
  /** Distance to the nearest point of the boundary in metres, from either side. */
  boundaryMeters(lng: number, lat: number): number
  /** Where the area covers a segment, in order; a mere touch may be left out. */
  coveredAlong(segment: Segment): Span[]
  /** About half as deep as one can be inside, in metres: positions this deep exist and are not rare. */
  readonly halfDepthMeters: number
}
