import { sum8 } from '../checksums.ts'
import type { Protocol, TrackerCommand } from '../protocol.ts'
import { decodeMeitrack, type MeitrackMemory } from './decode.ts'
import { cutMeitrack, MAX_FRAME_BYTES } from './frames.ts'

const WORDS: Readonly<Record<string, string>> = {
  locate: 'A10',
  immobilise: 'C01,0,12222',
  mobilise: 'C01,0,02222',
  reboot: 'F02',
}

/** `@@`, an identifier, the length from the comma on, IMEI, words, checksum. */
function encode({ name, args }: TrackerCommand, { imei }: MeitrackMemory): Buffer | null {
  const words = name === 'raw' && typeof args.text === 'string' ? args.text : WORDS[name]
  if (words === undefined || imei === null || words.length > 900) return null
  const body = `,${imei},${words}*`
  const head = `@@A${body.length + 4}${body}`
  const checksum = sum8(Buffer.from(head, 'latin1')).toString(16).toUpperCase().padStart(2, '0')
  return Buffer.from(`${head}${checksum}\r\n`, 'latin1')
}

/** Meitrack's GPRS protocol: text (AAA, AFF) and binary (CCC, CCE). */
export const meitrack: Protocol<MeitrackMemory> = {
  name: 'meitrack',
  title: 'Meitrack',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: { imei: null },
  cut: cutMeitrack,
  decode: decodeMeitrack,
  // The devices count on TCP: nothing is waited for.
  acknowledge: () => null,
  encode,
}
