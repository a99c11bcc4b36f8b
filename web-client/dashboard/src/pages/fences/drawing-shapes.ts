import type { FenceFeature } from '../../../../../contract/index.ts'
import { fenceOutline } from '../../map/fence-outline.ts'
import { type FenceDraft, featureOf, fewestPoints, type Position, widthMeters } from './fence-draft.ts'

const EARTH_METERS = 6_371_008.8
const RADIANS = Math.PI / 180

/** What can be grabbed on the map: a point of the draft, the middle of an edge, the edge of a circle. */
export type Handle =
  | { readonly kind: 'point'; readonly index: number }
  | { readonly kind: 'middle'; readonly index: number }
  | { readonly kind: 'radius' }

export interface DrawnShapes {
  readonly area: GeoJSON.FeatureCollection
  readonly lines: GeoJSON.FeatureCollection
  readonly handles: GeoJSON.FeatureCollection
}

/** @param pointer where the mouse is while points are being added */
export function shapesOfDraft(draft: FenceDraft, chosen: number | null, pointer: Position | null): DrawnShapes {
  const { shape, points } = draft
  const feature = featureOf(draft)
  const outline = feature === null ? null : fenceOutline({ ...feature, id: 'draft' } as FenceFeature)
  const path = pointer === null || shape === 'circle' ? points : [...points, pointer]
  const closed = shape === 'polygon' && path.length >= fewestPoints(shape)
  const line = closed ? [...path, path[0]!] : path
  return {
    area: collection(outline === null ? [] : [{ type: 'Feature', properties: {}, geometry: outline }]),
    lines: collection(shape === 'circle' || line.length < 2 ? [] : [lineOf(line)]),
    handles: collection(draft.fixed === null ? handlesOf(draft, chosen, pointer === null) : []),
  }
}

function handlesOf(draft: FenceDraft, chosen: number | null, withMiddles: boolean): GeoJSON.Feature[] {
  const { shape, points } = draft
  const handles = points.map((point, index) =>
    pointOf(point, { kind: 'point', index, chosen: index === chosen, number: index + 1 }),
  )
  if (shape === 'circle') {
    const [centre] = points
    const radius = widthMeters(draft)
    if (centre === undefined || radius === null) return handles
    return [...handles, pointOf(eastOf(centre, radius), { kind: 'radius' })]
  }
  if (!withMiddles) return handles
  const edges = shape === 'polygon' && points.length > 2 ? points.length : points.length - 1
  const middles: GeoJSON.Feature[] = []
  for (let i = 0; i < edges; i += 1) {
    middles.push(pointOf(middleOf(points[i]!, points[(i + 1) % points.length]!), { kind: 'middle', index: i + 1 }))
  }
  return [...middles, ...handles]
}

/**
 * What is grabbed at a place of the screen: the nearest handle in reach, a point before the middle of an edge.
 * By geometry, not by what is drawn: it answers at once, however busy the map is.
 * @param project from the map to the screen, in pixels
 */
export function handleAt(
  draft: FenceDraft,
  place: { readonly x: number; readonly y: number },
  reachPixels: number,
  project: (position: Position) => { readonly x: number; readonly y: number },
): Handle | null {
  if (draft.fixed !== null) return null
  let nearest: { readonly handle: Handle; readonly pixels: number } | null = null
  for (const { properties, geometry } of handlesOf(draft, null, true)) {
    const handle = properties as Handle
    const { x, y } = project((geometry as GeoJSON.Point).coordinates as unknown as Position)
    // A middle is a third farther away than it is.
    const pixels = Math.hypot(x - place.x, y - place.y) * (handle.kind === 'middle' ? 4 / 3 : 1)
    if (pixels <= reachPixels && (nearest === null || pixels < nearest.pixels)) nearest = { handle, pixels }
  }
  return nearest?.handle ?? null
}

function middleOf(a: Position, b: Position): Position {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]
}

function eastOf([lng, lat]: Position, meters: number): Position {
  return [lng + meters / (EARTH_METERS * RADIANS * Math.max(1e-6, Math.cos(lat * RADIANS))), lat]
}

const collection = (features: GeoJSON.Feature[]): GeoJSON.FeatureCollection => ({ type: 'FeatureCollection', features })
const lineOf = (line: readonly Position[]): GeoJSON.Feature => ({
  type: 'Feature',
  properties: {},
  geometry: { type: 'LineString', coordinates: line.map(point => [...point]) },
})
const pointOf = (point: Position, properties: GeoJSON.GeoJsonProperties): GeoJSON.Feature => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Point', coordinates: [...point] },
})
