import type { FenceFeature, FenceGeometry, FenceProperties } from '../../../../../contract/index.ts'

export type Position = readonly [longitude: number, latitude: number]
export type Shape = 'polygon' | 'circle' | 'corridor'

/** A fence while it is being drawn: half of it may still be missing. */
export interface FenceDraft {
  /** Null while it is new: then the platform makes one. */
  readonly id: string | null
  readonly shape: Shape
  /** Corners of a polygon (the first is not repeated), the centre of a circle, the line of a corridor. */
  readonly points: readonly Position[]
  /** Cut out of a polygon; drawn elsewhere, kept here. */
  readonly holes: readonly (readonly Position[])[]
  /** A geometry of several parts cannot be drawn here: it stays as it is. */
  readonly fixed: FenceGeometry | null
  /** Everything but the geometry, `radius` and `buffer` included. */
  readonly properties: FenceProperties
}

const DEFAULT_RADIUS_METERS = 200
const DEFAULT_BUFFER_METERS = 50
/** Six decimals are a tenth of a metre: no finger draws finer. */
const DECIMALS = 1e6

export function newDraft(shape: Shape): FenceDraft {
  return { id: null, shape, points: [], holes: [], fixed: null, properties: { ...defaultWidth(shape) } }
}

export function draftOf({ id, geometry, properties }: FenceFeature): FenceDraft {
  const rest = { id, holes: [], fixed: null, properties }
  switch (geometry.type) {
    case 'Point':
      return { ...rest, shape: 'circle', points: [positionOf(geometry.coordinates)] }
    case 'LineString':
      return { ...rest, shape: 'corridor', points: geometry.coordinates.map(positionOf) }
    case 'Polygon': {
      const [outer = [], ...holes] = geometry.coordinates.map(ring => ring.slice(0, -1).map(positionOf))
      return { ...rest, shape: 'polygon', points: outer, holes }
    }
    case 'MultiPolygon':
      return { ...rest, shape: 'polygon', points: [], fixed: geometry }
  }
}

const positionOf = (coordinates: readonly number[]): Position => [coordinates[0]!, coordinates[1]!]

/** The feature to be sent; null while the shape is not complete. */
export function featureOf(draft: FenceDraft): Omit<FenceFeature, 'id'> | null {
  const geometry = geometryOf(draft)
  return geometry === null ? null : { type: 'Feature', geometry, properties: draft.properties }
}

function geometryOf({ shape, points, holes, fixed }: FenceDraft): FenceGeometry | null {
  if (fixed !== null) return fixed
  if (points.length < fewestPoints(shape)) return null
  switch (shape) {
    case 'circle':
      return { type: 'Point', coordinates: [...points[0]!] }
    case 'corridor':
      return { type: 'LineString', coordinates: points.map(point => [...point]) }
    case 'polygon':
      return { type: 'Polygon', coordinates: [closedRing(points), ...holes.map(closedRing)] }
  }
}

const closedRing = (points: readonly Position[]): number[][] => [...points, points[0]!].map(point => [...point])

export function fewestPoints(shape: Shape): number {
  return { circle: 1, corridor: 2, polygon: 3 }[shape]
}

export function addPoint(draft: FenceDraft, position: Position): FenceDraft {
  const point = rounded(position)
  return { ...draft, points: draft.shape === 'circle' ? [point] : [...draft.points, point] }
}

export function insertPoint(draft: FenceDraft, index: number, position: Position): FenceDraft {
  return { ...draft, points: draft.points.toSpliced(index, 0, rounded(position)) }
}

export function movePoint(draft: FenceDraft, index: number, position: Position): FenceDraft {
  return index < draft.points.length ? { ...draft, points: draft.points.with(index, rounded(position)) } : draft
}

export function removePoint(draft: FenceDraft, index: number): FenceDraft {
  return { ...draft, points: draft.points.toSpliced(index, 1) }
}

function rounded([lng, lat]: Position): Position {
  return [Math.round(wrapped(lng) * DECIMALS) / DECIMALS, Math.round(lat * DECIMALS) / DECIMALS]
}

/** A map that was turned around the earth counts on beyond 180°. */
function wrapped(lng: number): number {
  return lng > 180 || lng < -180 ? ((((lng + 180) % 360) + 360) % 360) - 180 : lng
}

/** What was drawn stays as far as the new shape has room for it; a circle takes the middle. */
export function withShape(draft: FenceDraft, shape: Shape): FenceDraft {
  if (shape === draft.shape) return draft
  const { radius: _, buffer: __, ...properties } = draft.properties
  const points = shape === 'circle' && draft.points.length > 0 ? [middleOf(draft.points)] : draft.points
  return { ...draft, shape, points, holes: [], properties: { ...properties, ...defaultWidth(shape) } }
}

function middleOf(points: readonly Position[]): Position {
  const sum = points.reduce(([x, y], [lng, lat]) => [x + lng, y + lat] as Position, [0, 0] as Position)
  return rounded([sum[0] / points.length, sum[1] / points.length])
}

/** The radius of a circle, or how far a corridor reaches to either side, metres; null for a polygon. */
export function widthMeters({ shape, properties }: FenceDraft): number | null {
  if (shape === 'polygon') return null
  return (shape === 'circle' ? properties.radius : properties.buffer) ?? null
}

export function withWidth(draft: FenceDraft, meters: number | undefined): FenceDraft {
  if (draft.shape === 'polygon') return draft
  return withProperty(draft, draft.shape === 'circle' ? 'radius' : 'buffer', meters)
}

/** Undefined takes the property away: then the platform's default counts. */
export function withProperty<Key extends keyof FenceProperties>(
  draft: FenceDraft,
  key: Key,
  value: FenceProperties[Key] | undefined,
): FenceDraft {
  const { [key]: _, ...properties } = draft.properties
  return { ...draft, properties: value === undefined ? properties : { ...properties, [key]: value } }
}

function defaultWidth(shape: Shape): FenceProperties {
  if (shape === 'polygon') return {}
  return shape === 'circle' ? { radius: DEFAULT_RADIUS_METERS } : { buffer: DEFAULT_BUFFER_METERS }
}
