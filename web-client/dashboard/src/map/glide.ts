/** A marker on its way from where it was drawn to its newest fix. Positions are `[longitude, latitude]`. */
export interface Glide {
  readonly from: readonly [number, number]
  readonly to: readonly [number, number]
  readonly startMs: number
  readonly durationMs: number
}

/** A marker may lag behind its newest fix by this at the most: smoothness must not lie about the position. */
export const GLIDE_LIMIT_MS = 900
/** A jump longer than this (a device that reappears elsewhere) is shown as a jump. Degrees, about 1 km. */
const JUMP_DEGREES = 0.01

export function startGlide(before: Glide | undefined, to: readonly [number, number], nowMs: number): Glide {
  if (before === undefined) return { from: to, to, startMs: nowMs, durationMs: 0 }
  const from = positionAt(before, nowMs)
  const far = Math.abs(to[0] - from[0]) > JUMP_DEGREES || Math.abs(to[1] - from[1]) > JUMP_DEGREES
  return { from: far ? to : from, to, startMs: nowMs, durationMs: far ? 0 : GLIDE_LIMIT_MS }
}

export function positionAt({ from, to, startMs, durationMs }: Glide, nowMs: number): readonly [number, number] {
  const part = durationMs === 0 ? 1 : Math.min(1, Math.max(0, (nowMs - startMs) / durationMs))
  if (part === 1) return to
  return [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part]
}

export function isGliding({ startMs, durationMs }: Glide, nowMs: number): boolean {
  return nowMs - startMs < durationMs
}
