import type { Area } from './area.ts'
import { type Bbox, boxesAround } from './bbox.ts'
import { fromEarthCentred, geodesicMeters, geodesicPoints, toEarthCentred } from './geodesy.ts'

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

  return {
    bboxes: chunks.flatMap(chunk => chunkBoxes(chunk, bufferMeters)),
    covers(lng, lat) {
      const [x, y, z] = toEarthCentred(lng, lat)
      for (const { from, to, centre, radiusMeters } of chunks) {
        if (Math.hypot(x - centre[0], y - centre[1], z - centre[2]) - radiusMeters > bufferMeters) continue
        for (let piece = from; piece < to; piece++) {
          const [chord, footX, footY, footZ] = footOnPiece(path, piece, x, y, z)
          if (chord - DIP_METERS > bufferMeters) continue
          const longest = (chord + DIP_METERS) * CHORD_SLACK
          if (longest <= bufferMeters && longest < SHORT_CHORD_METERS) return true
          const [footLng, footLat] = fromEarthCentred(footX, footY, footZ)
          if (geodesicMeters(lng, lat, footLng, footLat) <= bufferMeters) return true
        }
      }
      return false
    },
    boundaryMeters(lng, lat) {
      const [x, y, z] = toEarthCentred(lng, lat)
      let nearest = Number.POSITIVE_INFINITY
      for (const { from, to, centre, radiusMeters } of chunks) {
        if (Math.hypot(x - centre[0], y - centre[1], z - centre[2]) - radiusMeters > nearest) continue
        for (let piece = from; piece < to; piece++) {
          const [chord, footX, footY, footZ] = footOnPiece(path, piece, x, y, z)
          if (chord - DIP_METERS > nearest) continue
          const [footLng, footLat] = fromEarthCentred(footX, footY, footZ)
          nearest = Math.min(nearest, geodesicMeters(lng, lat, footLng, footLat))
        }
      }
      return Math.abs(nearest - bufferMeters)
    },
  }
}

/** Distance to the chord of a piece and the nearest point on it, all in earth-centred metres. */
function footOnPiece(
  path: Float64Array,
  piece: number,
  x: number,
  y: number,
  z: number,
): [distance: number, x: number, y: number, z: number] {
  const at = piece * 3
  const ax = path[at]!
  const ay = path[at + 1]!
  const az = path[at + 2]!
  const dx = path[at + 3]! - ax
  const dy = path[at + 4]! - ay
  const dz = path[at + 5]! - az
  const along = ((x - ax) * dx + (y - ay) * dy + (z - az) * dz) / (dx * dx + dy * dy + dz * dz)
  const t = along > 0 ? Math.min(1, along) : 0
  const footX = ax + t * dx
  const footY = ay + t * dy
  const footZ = az + t * dz
  return [Math.hypot(x - footX, y - footY, z - footZ), footX, footY, footZ]
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
