import { xorOf } from '../checksums.ts'

/** A sentence of NMEA 0183, and what stood in front of it (an id that the device's firmware adds). */
export interface Sentence {
  readonly prefix: string
  /** Without the talker where it is one: `RMC`, `GGA`; else as it stands: `IMEI`, `TRCCR`. */
  readonly kind: string
  readonly fields: readonly string[]
  /** What stands behind the checksum. */
  readonly suffix: readonly string[]
  /** False when there is a checksum and it does not fit. */
  readonly intact: boolean
}

const TALKER = /^(?:G[ABLNPQ]|B[DE]|Q[ZQ]|I[NI])(?=[A-Z]{3}$)/

/** Reads one line; null for what has no sentence. */
export function readSentence(line: string): Sentence | null {
  const start = line.indexOf('$')
  if (start === -1) return null
  // Some receivers double the dollar.
  const [, body, given, suffix] = /^\$+([^*]*)(?:\*([0-9A-Fa-f]{1,2}))?,?(.*)$/s.exec(line.slice(start)) ?? []
  if (body === undefined) return null
  const [head, ...fields] = body.split(/[,=]/)
  return {
    prefix: line.slice(0, start),
    kind: head!.replace(TALKER, ''),
    fields,
    suffix: suffix === undefined || suffix === '' ? [] : suffix.split(','),
    intact: given === undefined || xorOf(Buffer.from(body, 'latin1')) === Number.parseInt(given, 16),
  }
}
