/** One record of a CSV file. */
export interface CsvRecord {
  /** The line it begins in, from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/** Why a file is no CSV, and where. */
export class CsvFault extends Error {
  override readonly name = 'CsvFault'
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/**
 * Reads RFC 4180 records. Lines end with CRLF, LF or CR; lines without any text are left out.
 * @throws CsvFault a quoted cell that does not end, or text behind its end
 */
export function readCsv(text: string, delimiter: string): CsvRecord[] {
  const records: CsvRecord[] = []
  let cells: string[] = []
  let line = 1
  let startsIn = 1
  let at = 0

  const endRecord = (): void => {
    if (cells.length > 1 || cells[0] !== '') records.push({ line: startsIn, cells })
    cells = []
    startsIn = line
  }

  while (at < text.length) {
    if (text[at] === '"') {
      const { cell, end, lines } = readQuoted(text, at, line)
      cells.push(cell)
      line += lines
      at = end
      if (at < text.length && text[at] !== delimiter && text[at] !== '\r' && text[at] !== '\n')
        throw new CsvFault(line, 'there is text behind the closing quote of a cell; write a quote inside a cell twice')
    } else {
      const end = endOfPlain(text, at, delimiter)
      cells.push(text.slice(at, end))
      at = end
    }
    if (text[at] === delimiter) {
      at += 1
      // The delimiter promises one more cell, also where the file or the line ends behind it.
      if (at === text.length || text[at] === '\r' || text[at] === '\n') cells.push('')
      else continue
    }
    if (at < text.length) {
      at += text.startsWith('\r\n', at) ? 2 : 1
      line += 1
    }
    endRecord()
  }
  return records
}

function endOfPlain(text: string, from: number, delimiter: string): number {
  let at = from
  while (at < text.length && text[at] !== delimiter && text[at] !== '\r' && text[at] !== '\n') at += 1
  return at
}

function readQuoted(text: string, from: number, line: number): { cell: string; end: number; lines: number } {
  let at = from + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) throw new CsvFault(line, 'a quoted cell begins here and does not end')
    if (text[quote + 1] === '"') {
      at = quote + 2
      continue
    }
    const raw = text.slice(from + 1, quote)
    return { cell: raw.replaceAll('""', '"'), end: quote + 1, lines: (raw.match(/\r\n|\r|\n/g) ?? []).length }
  }
}
