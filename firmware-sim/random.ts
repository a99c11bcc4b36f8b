/** A seeded stream of chance: the same seed gives the same numbers on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** Standard normal: mean 0, deviation 1. */
  normal(): number
  /** An independent stream, named so that adding one does not disturb the others. */
  fork(name: string): Random
}

/** Creates a stream from a seed; text and numbers are equally good seeds. */
export function createRandom(seed: number | string): Random {
  const text = String(seed)
  let state = hash(text)
  function next(): number {
    // mulberry32: 32 bits of state, full period, plenty for a vehicle's decisions.
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    // Box and Muller; 1 - next() is never 0, so the logarithm is finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    fork: name => createRandom(`${text}/${name}`),
  }
}

/** FNV-1a with a final mix, so that seeds 1 and 2 share nothing. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}
