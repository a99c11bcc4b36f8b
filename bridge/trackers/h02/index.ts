import type { Decoded, Protocol } from '../protocol.ts'
import { h02Commands } from './commands.ts'
import { decodeH02, type H02Memory } from './decode.ts'
import { cutH02, MAX_FRAME_BYTES } from './frames.ts'

const ANSWERED = /^\*(\w{2}),([^,]+),(HTBT|LINK|V0|V1|NBR)\b/

/** Heartbeats come back as they are; positions are confirmed by name. The binary form has no answer. */
function acknowledge(frame: Buffer, _decoded: Decoded<H02Memory>): Buffer | null {
  const [, maker, id, kind] = ANSWERED.exec(frame.toString('latin1')) ?? []
  if (kind === undefined) return null
  return Buffer.from(
    kind === 'HTBT' || kind === 'LINK' || kind === 'V0' ? `*${maker},${id},${kind}#` : `*${maker},${id},V4,${kind}#`,
    'latin1',
  )
}

/** H02, as Sinotrack and many others speak it: text and binary. */
export const h02: Protocol<H02Memory> = {
  name: 'h02',
  title: 'H02 / Sinotrack',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: { id: null },
  cut: cutH02,
  decode: decodeH02,
  acknowledge,
  commands: h02Commands,
}
