import type { Area } from './area.ts'
import { type Bbox, boxesAround } from './bbox.ts'
import { fromEarthCentred, geodesicMeters, geodesicPoints, toEarthCentred } from './geodesy.ts'
import { signChanges, spansBetween } from './segment.ts'

/**
 * Geodesics are cut into pieces this long and each is searched along its chord: a chord of 10 km dips 2 m under the
 * surface and strays less than a centimetre sideways from its geodesic.
 */
const PIECE_METERS = 10_000
const DIP_METERS = 2
const PIECES_PER_CHUNK = 16
/** Up to this length an arc is at most 0.11 % longer than its chord. */
const SHORT_CHORD_METERS = 1_000_000
const CHORD_SLACK = 1.01

/** A run of neighbouring pieces in a bounding sphere, so that most of a long corridor is passed over at once. */
interface Chunk {
  readonly from: number
  readonly to: number
  readonly centre: readonly [number, number, number]
  readonly radiusMeters: number
}

/** Everything within `bufferMeters` of the line, whose segments are geodesics (as PostGIS `geography` has it). */
export function corridorArea(line: readonly (readonly [number, number])[], bufferMeters: number): Area {
  const points: [number, number][] = [[line[0]![0], line[0]![1]]]
  for (let i = 1; i < line.length; i++) {
    const [lng, lat] = line[i - 1]!
    points.push(...geodesicPoints(lng, lat, line[i]![0], line[i]![1], PIECE_METERS))
  }
  const path = new Float64Array(points.length * 3)
  for (const [i, [lng, lat]] of points.entries()) path.set(toEarthCentred(lng, lat), i * 3)
  const chunks = cutIntoChunks(path)

  function covers(lng: number, lat: number): boolean {
    const [x, y, z] = toEarthCentred(lng, lat)
    const reach = (bufferMeters + DIP_METERS) ** 2
    for (const chunk of chunks) {
      if (isBeyond(chunk, x, y, z, bufferMeters)) continue
      for (let piece = chunk.from; piece < chunk.to; piece++) {
        const squared = squaredToPiece(path, piece, x, y, z)
        if (squared > reach) continue
        const longest = (Math.sqrt(squared) + DIP_METERS) * CHORD_SLACK
        if (longest <= bufferMeters && longest < SHORT_CHORD_METERS) return true
        if (metersToPiece(path, piece, lng, lat) <= bufferMeters) return true
      }
    }
    return false
  }

  function lineMeters(lng: number, lat: number): number {
    const [x, y, z] = toEarthCentred(lng, lat)
    let nearest = Number.POSITIVE_INFINITY
    for (const chunk of chunks) {
      if (isBeyond(chunk, x, y, z, nearest)) continue
      for (let piece = chunk.from; piece < chunk.to; piece++) {
        if (squaredToPiece(path, piece, x, y, z) > (nearest + DIP_METERS) ** 2) continue
        nearest = Math.min(nearest, metersToPiece(path, piece, lng, lat))
      }
    }
    return nearest
  }

  return {
    bboxes: chunks.flatMap(chunk => chunkBoxes(chunk, bufferMeters)),
    covers,
    boundaryMeters: (lng, lat) => Math.abs(lineMeters(lng, lat) - bufferMeters),
    coveredAlong: segment =>
      spansBetween(
        segment,
        signChanges(segment, (lng, lat) => lineMeters(lng, lat) - bufferMeters),
        covers,
      ),
    halfDepthMeters: bufferMeters / 2,
  }
}

/** Whether no point of the chunk is within `meters`: a chord is never longer than the way along the surface. */
function isBeyond({ centre, radiusMeters }: Chunk, x: number, y: number, z: number, meters: number): boolean {
  const squared = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2
  return squared > (radiusMeters + meters) ** 2
}

/** How far along the chord of a piece the nearest point to an earth-centred one is, from 0 to 1. */
function alongPiece(path: Float64Array, at: number, x: number, y: number, z: number): number {
  const dx = path[at + 3]! - path[at]!
  const dy = path[at + 4]! - path[at + 1]!
  const dz = path[at + 5]! - path[at + 2]!
  const dot = (x - path[at]!) * dx + (y - path[at + 1]!) * dy + (z - path[at + 2]!) * dz
  return dot > 0 ? Math.min(1, dot / (dx * dx + dy * dy + dz * dz)) : 0
}

/** Squared distance to the chord of a piece, earth-centred metres. */
function squaredToPiece(path: Float64Array, piece: number, x: number, y: number, z: number): number {
  const at = piece * 3
  const t = alongPiece(path, at, x, y, z)
  const offX = x - path[at]! - t * (path[at + 3]! - path[at]!)
  const offY = y - path[at + 1]! - t * (path[at + 4]! - path[at + 1]!)
  const offZ = z - path[at + 2]! - t * (path[at + 5]! - path[at + 2]!)
  return offX * offX + offY * offY + offZ * offZ
}

/** Distance along the ellipsoid to the nearest point of a piece, in metres. */
function metersToPiece(path: Float64Array, piece: number, lng: number, lat: number): number {
  const at = piece * 3
  const t = alongPiece(path, at, ...toEarthCentred(lng, lat))
  const [footLng, footLat] = fromEarthCentred(
    path[at]! + t * (path[at + 3]! - path[at]!),
    path[at + 1]! + t * (path[at + 4]! - path[at + 1]!),
    path[at + 2]! + t * (path[at + 5]! - path[at + 2]!),
  )
  return geodesicMeters(lng, lat, footLng, footLat)
}

function cutIntoChunks(path: Float64Array): Chunk[] {
  const pieces = path.length / 3 - 1
  const chunks: Chunk[] = []
  for (let from = 0; from < pieces; from += PIECES_PER_CHUNK) {
    const to = Math.min(pieces, from + PIECES_PER_CHUNK)
    const centre: [number, number, number] = [0, 0, 0]
    for (let i = from; i <= to; i++) {
      for (let axis = 0; axis < 3; axis++) centre[axis]! += path[i * 3 + axis]! / (to - from + 1)
    }
    let radiusMeters = 0
    for (let i = from; i <= to; i++) {
      const distance = Math.hypot(path[i * 3]! - centre[0], path[i * 3 + 1]! - centre[1], path[i * 3 + 2]! - centre[2])
      radiusMeters = Math.max(radiusMeters, distance)
    }
    chunks.push({ from, to, centre, radiusMeters: radiusMeters + DIP_METERS })
  }
  return chunks
}

function chunkBoxes({ centre, radiusMeters }: Chunk, bufferMeters: number): Bbox[] {
  const [lng, lat] = fromEarthCentred(...centre)
  // The centre may lie below the surface, never further than the sphere's radius: twice it reaches every point.
  return boxesAround(lng, lat, radiusMeters * 2 * CHORD_SLACK + bufferMeters)
}
