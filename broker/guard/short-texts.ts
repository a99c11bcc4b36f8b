const PLACES = 1_024
const MOST_CHARACTERS = 16

/** Short ASCII texts that come again and again, as keys do: found by their bytes instead of being made anew. The last one of each place is kept. */
export class ShortTexts {
  readonly #places: string[] = new Array(PLACES).fill('')

  /** @param hash of these bytes, the same for the same ones */
  at(bytes: Buffer, from: number, end: number, hash: number): string {
    if (end - from > MOST_CHARACTERS) return bytes.toString('latin1', from, end)
    const place = (hash ^ (hash >>> 12)) & (PLACES - 1)
    const known = this.#places[place]!
    if (isAt(known, bytes, from, end)) return known
    const text = bytes.toString('latin1', from, end)
    this.#places[place] = text
    return text
  }
}

function isAt(text: string, bytes: Buffer, from: number, end: number): boolean {
  const { length } = text
  if (length !== end - from) return false
  for (let i = 0; i < length; i += 1) if (text.charCodeAt(i) !== bytes[from + i]) return false
  return true
}
