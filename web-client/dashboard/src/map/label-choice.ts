/** A name that wants to be written below its marker. Positions and sizes in pixels of the screen. */
export interface LabelWish {
  readonly id: string
  readonly x: number
  readonly y: number
  readonly width: number
  /** Higher goes first. */
  readonly priority: number
  /** Written whatever it covers: an SOS, the selected device. */
  readonly always: boolean
}

export interface Screen {
  readonly width: number
  readonly height: number
}

const LABEL_HEIGHT = 22
/** From the marker's middle to the label's upper edge. */
const LABEL_OFFSET = 13
/** Half of a marker, of which a label shall not cover more than the rim. */
const MARKER_REACH = 7
const CELL = 64
/** More names are noise, and each is an image of its own. */
export const LABELS_SHOWN = 120

interface Box {
  readonly id: string
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/**
 * Chooses the names that can be read: none over another, none over another device's marker. What was shown before keeps its
 * place among equals, so that names do not flicker while the fleet moves.
 * @param shownBefore the last answer
 */
export function chooseLabels(
  wishes: readonly LabelWish[],
  { width, height }: Screen,
  shownBefore: ReadonlySet<string>,
): Set<string> {
  const markers = new Grid()
  const labels = new Grid()
  const seen: LabelWish[] = []
  for (const wish of wishes) {
    const { id, x, y } = wish
    if (x < 0 || y < 0 || x > width || y > height) continue
    seen.push(wish)
    markers.add({
      id,
      left: x - MARKER_REACH,
      right: x + MARKER_REACH,
      top: y - MARKER_REACH,
      bottom: y + MARKER_REACH,
    })
  }
  seen.sort(
    (a, b) =>
      Number(b.always) - Number(a.always) ||
      b.priority - a.priority ||
      Number(shownBefore.has(b.id)) - Number(shownBefore.has(a.id)) ||
      (a.id < b.id ? -1 : 1),
  )
  const chosen = new Set<string>()
  for (const { id, x, y, width: wide, always } of seen) {
    if (!always && chosen.size >= LABELS_SHOWN) break
    const top = y + LABEL_OFFSET
    const box = { id, left: x - wide / 2, right: x + wide / 2, top, bottom: top + LABEL_HEIGHT }
    if (!always && (labels.touches(box) || markers.touches(box))) continue
    labels.add(box)
    chosen.add(id)
  }
  return chosen
}

/** Boxes by the cells they lie in, so that each is compared with its neighbours only. */
class Grid {
  readonly #cells = new Map<string, Box[]>()

  add(box: Box): void {
    for (const key of cellsOf(box)) {
      const cell = this.#cells.get(key)
      if (cell === undefined) this.#cells.set(key, [box])
      else cell.push(box)
    }
  }

  /** Whether the box of anybody else lies over it. */
  touches(box: Box): boolean {
    return cellsOf(box).some(key =>
      this.#cells
        .get(key)
        ?.some(
          other =>
            other.id !== box.id &&
            other.left < box.right &&
            other.right > box.left &&
            other.top < box.bottom &&
            other.bottom > box.top,
        ),
    )
  }
}

function cellsOf({ left, right, top, bottom }: Box): string[] {
  const keys: string[] = []
  for (let x = Math.floor(left / CELL); x <= Math.floor(right / CELL); x += 1) {
    for (let y = Math.floor(top / CELL); y <= Math.floor(bottom / CELL); y += 1) keys.push(`${x} ${y}`)
  }
  return keys
}
