import { TrackFileFault } from './track-reader.ts'

export interface XmlListener {
  /** Names come without their prefix. */
  open(name: string, attributes: ReadonlyMap<string, string>, line: number): void
  /** `text`: of this element alone, trimmed. */
  close(name: string, text: string, line: number): void
}

/** A tag, a comment or the text of an element that is longer is no part of a track. */
const MAX_PIECE = 65_536
const MAX_DEPTH = 64
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

interface OpenElement {
  readonly raw: string
  readonly name: string
  text: string
}

/**
 * Reads XML 1.0 that comes in pieces, without holding more than a tag of it. Elements have to be nested properly. A DOCTYPE is refused:
 * a track never needs entities of its own, and they are how XML files attack their readers.
 */
export class XmlStream {
  readonly #listener: XmlListener
  readonly #open: OpenElement[] = []
  #rest = ''
  #line = 1
  #hasRoot = false

  constructor(listener: XmlListener) {
    this.#listener = listener
  }

  /** @throws TrackFileFault */
  push(piece: string): void {
    this.#rest += piece
    let at = 0
    for (;;) {
      const begin = this.#rest.indexOf('<', at)
      if (begin === -1) break
      const end = this.#endOf(begin)
      if (end === -1) break
      this.#text(this.#rest.slice(at, begin))
      const markup = this.#rest.slice(begin, end)
      this.#markup(markup)
      this.#line += newlines(markup)
      at = end
    }
    this.#rest = this.#rest.slice(at)
    if (this.#rest.length > MAX_PIECE * 2) throw this.#fault('a tag or a text does not end')
  }

  /** @throws TrackFileFault the document is not whole */
  end(): void {
    if (this.#rest.trim() !== '') throw this.#fault('the file ends within a tag, or in text outside of all tags')
    const open = this.#open.at(-1)
    if (open !== undefined) throw this.#fault(`the file ends before </${open.raw}>`)
    if (!this.#hasRoot) throw this.#fault('there is no element in the file')
  }

  #endOf(begin: number): number {
    const behind = (mark: string) => {
      const end = this.#rest.indexOf(mark, begin)
      return end === -1 ? -1 : end + mark.length
    }
    if (this.#rest.length - begin < 9 && !this.#rest.includes('>', begin)) return -1
    if (this.#rest.startsWith('<!--', begin)) return behind('-->')
    if (this.#rest.startsWith('<![CDATA[', begin)) return behind(']]>')
    if (this.#rest.startsWith('<?', begin)) return behind('?>')
    // A `>` may stand in an attribute.
    let quote = ''
    for (let at = begin; at < this.#rest.length; at++) {
      const character = this.#rest[at]!
      if (quote !== '') quote = character === quote ? '' : quote
      else if (character === '>') return at + 1
      else if (character === '"' || character === "'") quote = character
    }
    return -1
  }

  #text(text: string): void {
    if (text === '') return
    const element = this.#open.at(-1)
    if (element === undefined) {
      if (text.replace('\ufeff', '').trim() !== '')
        throw this.#fault('this is not XML: there is text outside of all tags')
    } else if (element.text.length < MAX_PIECE) {
      element.text += this.#unescape(text)
    }
    this.#line += newlines(text)
  }

  #markup(markup: string): void {
    if (markup.startsWith('<!--') || markup.startsWith('<?')) return
    if (markup.startsWith('<![CDATA[')) {
      const element = this.#open.at(-1)
      if (element !== undefined && element.text.length < MAX_PIECE) element.text += markup.slice(9, -3)
      return
    }
    if (markup.startsWith('<!')) throw this.#fault('a DOCTYPE is not allowed in a track')
    if (markup.startsWith('</')) return this.#close(markup.slice(2, -1).trim())
    const match = /^<([^\s/>]+)(.*?)(\/?)>$/s.exec(markup)
    if (match === null) throw this.#fault(`${markup.slice(0, 40)} is not a tag`)
    const [, raw = '', attributes = '', isEmpty] = match
    if (this.#open.length === 0 && this.#hasRoot) throw this.#fault('there is a second root element')
    if (this.#open.length >= MAX_DEPTH) throw this.#fault(`elements are nested more than ${MAX_DEPTH} deep`)
    this.#hasRoot = true
    const name = raw.slice(raw.indexOf(':') + 1)
    this.#open.push({ raw, name, text: '' })
    this.#listener.open(name, this.#attributes(attributes), this.#line)
    if (isEmpty === '/') this.#close(raw)
  }

  #close(raw: string): void {
    const element = this.#open.pop()
    if (element?.raw !== raw) {
      throw this.#fault(
        element === undefined ? `</${raw}> closes nothing` : `</${raw}> stands where <${element.raw}> is open`,
      )
    }
    this.#listener.close(element.name, element.text.trim(), this.#line)
  }

  #attributes(text: string): Map<string, string> {
    const found = new Map<string, string>()
    for (const [, name, double, single] of text.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
      found.set(name!, this.#unescape(double ?? single ?? ''))
    }
    return found
  }

  #unescape(text: string): string {
    if (!text.includes('&')) return text
    return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name) => {
      if (name !== undefined) return NAMED[name] ?? whole
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
      return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
    })
  }

  #fault(message: string): TrackFileFault {
    return new TrackFileFault(this.#line, message)
  }
}

function newlines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
