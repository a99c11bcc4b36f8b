import { FAULTS, type Fault } from './faults.ts'

/** `text` = any UTF-8 string, `name` = a topic name, `filter` = a topic filter. */
export type TextKind = 'text' | 'name' | 'filter'

const SLASH = 0x2f
const PLUS = 0x2b
const HASH = 0x23

/** ASCII characters that need no look: all but NUL and, in topics, the wildcards and the separator. */
const PLAIN: Readonly<Record<TextKind, Uint8Array>> = {
  text: plainBytes([]),
  name: plainBytes([PLUS, HASH]),
  filter: plainBytes([PLUS, HASH, SLASH]),
}

function plainBytes(but: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (byte > 0 && byte < 0x80 && !but.includes(byte) ? 1 : 0))
}

/** Where a filter stands: at the start of a level, inside one, behind `+`, behind `#`. */
type Place = 'start' | 'inside' | 'plus' | 'hash'

/** Checks one string of MQTT as its bytes arrive, in any number of pieces, and keeps none of them. */
export class TextCheck {
  #kind: TextKind = 'text'
  #plain = PLAIN.text
  #place: Place = 'start'
  /** Continuation bytes that the character under way still needs, and the range of the next one (RFC 3629 §4). */
  #wanted = 0
  #least = 0x80
  #most = 0xbf

  /** @returns what is wrong with a string of this length whatever its bytes are */
  start(kind: TextKind, length: number): Fault | null {
    this.#kind = kind
    this.#plain = PLAIN[kind]
    this.#place = 'start'
    // A string before it may have ended in the middle of a character.
    this.#wanted = 0
    this.#least = 0x80
    this.#most = 0xbf
    return length === 0 && kind !== 'text' ? FAULTS.emptyTopic : null
  }

  read(chunk: Uint8Array, from: number, to: number): Fault | null {
    const plain = this.#plain
    for (let at = from; at < to; at += 1) {
      const byte = chunk[at]!
      if (this.#wanted === 0 && plain[byte] === 1) {
        if (this.#kind !== 'filter') continue
        const fault = this.#insideLevel()
        if (fault !== null) return fault
      } else {
        const fault = this.#special(byte)
        if (fault !== null) return fault
      }
    }
    return null
  }

  /** @returns what is wrong with a string that ends here */
  end(): Fault | null {
    return this.#wanted > 0 ? FAULTS.utf8 : null
  }

  #special(byte: number): Fault | null {
    if (this.#wanted > 0) {
      if (byte < this.#least || byte > this.#most) return FAULTS.utf8
      this.#wanted -= 1
      this.#least = 0x80
      this.#most = 0xbf
      return null
    }
    if (byte === 0) return FAULTS.nul
    if (byte < 0x80) return this.#separator(byte)
    if (!this.#lead(byte)) return FAULTS.utf8
    return this.#kind === 'filter' ? this.#insideLevel() : null
  }

  /** The first byte of a longer character: no overlong forms, no surrogates, nothing above U+10FFFF. */
  #lead(byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false
    this.#wanted = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
    if (byte === 0xe0) this.#least = 0xa0
    else if (byte === 0xed) this.#most = 0x9f
    else if (byte === 0xf0) this.#least = 0x90
    else if (byte === 0xf4) this.#most = 0x8f
    return true
  }

  #separator(byte: number): Fault | null {
    if (this.#kind === 'name') return FAULTS.topicWildcard
    if (this.#place === 'hash') return FAULTS.hash
    if (byte === SLASH) {
      this.#place = 'start'
      return null
    }
    if (this.#place !== 'start') return byte === HASH ? FAULTS.hash : FAULTS.plus
    this.#place = byte === HASH ? 'hash' : 'plus'
    return null
  }

  #insideLevel(): Fault | null {
    if (this.#place === 'hash') return FAULTS.hash
    if (this.#place === 'plus') return FAULTS.plus
    this.#place = 'inside'
    return null
  }
}
