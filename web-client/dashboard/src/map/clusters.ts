/** A marker that wants to be drawn; `x` and `y` in pixels of the whole world at the zoom of the grid. */
export interface Placed {
  readonly x: number
  readonly y: number
}

/** What is drawn as one: the members' indexes, and their middle. */
export interface Cluster {
  readonly members: readonly number[]
  readonly x: number
  readonly y: number
}

/** Above this many markers on the screen neighbours are drawn as one; below the lower one each by itself again. */
export const CROWD = { begins: 300, ends: 240 } as const
/** Of the grid, pixels. It is fixed to the world, so that a map that is moved does not shuffle its clusters. */
const CELL_PIXELS = 72
/** Fewer are drawn each by itself: two arrows that touch tell more than a number. */
const FEWEST = 3
/** Wider than any row of cells. */
const ROW = 2 ** 26

/** Puts what lies in the same cell of the grid together. What is drawn is bounded by the screen, however large the fleet. */
export function gatherClusters(points: readonly Placed[]): { readonly single: number[]; readonly clusters: Cluster[] } {
  const cells = new Map<number, number[]>()
  for (let i = 0; i < points.length; i += 1) {
    const { x, y } = points[i]!
    const key = Math.floor(y / CELL_PIXELS) * ROW + Math.floor(x / CELL_PIXELS)
    const cell = cells.get(key)
    if (cell === undefined) cells.set(key, [i])
    else cell.push(i)
  }
  const single: number[] = []
  const clusters: Cluster[] = []
  for (const members of cells.values()) {
    if (members.length < FEWEST) {
      single.push(...members)
      continue
    }
    let x = 0
    let y = 0
    for (const i of members) {
      x += points[i]!.x
      y += points[i]!.y
    }
    clusters.push({ members, x: x / members.length, y: y / members.length })
  }
  return { single, clusters }
}

/** Whether there is a crowd, which does not begin and end with every device that crosses the edge of the screen. */
export function isCrowded(count: number, before: boolean): boolean {
  return count > (before ? CROWD.ends : CROWD.begins)
}

/** Few different texts, because each is an image of its own: `7`, `40+`, `300+`, `2k+`. */
export function countText(count: number): string {
  if (count < 10) return String(count)
  if (count < 100) return `${Math.floor(count / 10) * 10}+`
  if (count < 1_000) return `${Math.floor(count / 100) * 100}+`
  return `${Math.floor(count / 1_000)}k+`
}

const WORLD_PIXELS = 512

/** Longitude and latitude as pixels of the whole world, Web Mercator. */
export function toWorld(lng: number, lat: number, zoom: number): Placed {
  const size = WORLD_PIXELS * 2 ** zoom
  const sine = Math.sin((lat * Math.PI) / 180)
  return {
    x: size * (lng / 360 + 0.5),
    y: size * (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)),
  }
}

export function fromWorld({ x, y }: Placed, zoom: number): [lng: number, lat: number] {
  const size = WORLD_PIXELS * 2 ** zoom
  return [(x / size - 0.5) * 360, (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / size))) * 180) / Math.PI]
}
