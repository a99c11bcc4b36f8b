import { TrackFileFault } from './track-reader.ts'

const MAX_LINE = 65_536

/** Cuts text that comes in pieces into lines, numbered from 1. Lines end with CRLF, LF or CR. */
export class Lines {
  #rest = ''
  #next = 1

  /** @throws TrackFileFault a line without an end */
  push(piece: string): { line: number; text: string }[] {
    const parts = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/)
    this.#rest = parts.pop()!
    if (this.#rest.length > MAX_LINE)
      throw new TrackFileFault(this.#next, `the line is longer than ${MAX_LINE} characters`)
    return parts.map(text => ({ line: this.#next++, text }))
  }

  end(): { line: number; text: string }[] {
    const text = this.#rest.replace(/\r$/, '')
    this.#rest = ''
    return text === '' ? [] : [{ line: this.#next++, text }]
  }
}
