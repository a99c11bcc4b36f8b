import type { Position } from './fence-draft.ts'

/**
 * Reads coordinates as people paste them: a pair a line, latitude first as maps and road signs have it, parted by a comma, a semicolon or a space.
 * A decimal comma is read where the pair is parted by something else.
 * @returns the positions, or the number of the first line that is no pair
 */
export function readCoordinates(text: string): readonly Position[] | { readonly wrongLine: number } {
  const positions: Position[] = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed === '') continue
    const position = readPair(trimmed)
    if (position === null) return { wrongLine: i + 1 }
    positions.push(position)
  }
  return positions
}

function readPair(line: string): Position | null {
  const parted = /^(.+?)(?:\s*;\s*|\s*,\s+|\s+)(.+)$/.exec(line) ?? /^([^,]+),([^,]+)$/.exec(line)
  if (parted === null) return null
  const [lat, lng] = [readDegrees(parted[1]!), readDegrees(parted[2]!)]
  return Math.abs(lat) <= 90 && Math.abs(lng) <= 180 ? [lng, lat] : null
}

/** NaN when it is no number. */
export function readDegrees(text: string): number {
  const plain = text.trim().replace('−', '-').replace(/°$/, '').replace(',', '.')
  return /^[+-]?\d+(\.\d+)?$/.test(plain) ? Number(plain) : Number.NaN
}
