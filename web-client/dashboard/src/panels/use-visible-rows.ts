import { type RefObject, useEffect, useState } from 'react'

/** With its line; see `.row` in `styles/panels.css`. */
const ROW_PIXELS = 53
/** Drawn beyond what is seen, so that scrolling shows no hole. */
const MORE = 8

export interface VisibleRows {
  readonly from: number
  readonly to: number
  /** The room of the rows that are not drawn, pixels. */
  readonly before: number
  readonly after: number
  scrollTo(index: number): void
}

/** Which rows of a long list are seen. A short one is drawn as a whole. @param long whether it is too long for that */
export function useVisibleRows(list: RefObject<HTMLElement | null>, count: number, long: boolean): VisibleRows {
  const [seen, setSeen] = useState({ first: 0, rows: 20 })
  useEffect(() => {
    const element = list.current
    if (!long || element === null) return
    const look = (): void => {
      const first = Math.floor(element.scrollTop / ROW_PIXELS)
      const rows = Math.ceil(element.clientHeight / ROW_PIXELS)
      setSeen(before => (before.first === first && before.rows === rows ? before : { first, rows }))
    }
    look()
    const observer = new ResizeObserver(look)
    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [list, long])

  const from = long ? Math.max(0, Math.min(seen.first, count - seen.rows) - MORE) : 0
  const to = long ? Math.min(count, from + seen.rows + 2 * MORE) : count
  return {
    from,
    to,
    before: from * ROW_PIXELS,
    after: (count - to) * ROW_PIXELS,
    scrollTo(index) {
      const element = list.current
      if (element === null) return
      const top = index * ROW_PIXELS
      if (top < element.scrollTop) element.scrollTop = top
      else if (top + ROW_PIXELS > element.scrollTop + element.clientHeight) {
        element.scrollTop = top + ROW_PIXELS - element.clientHeight
      }
    },
  }
}
