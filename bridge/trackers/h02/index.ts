import type { Decoded, Protocol, TrackerCommand } from '../protocol.ts'
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

/** `raw` sends its `text` as it is; the relay has a command of its own. */
function encode({ name, args }: TrackerCommand, { id }: H02Memory): Buffer | null {
  const relay = name === 'immobilise' ? 1 : name === 'mobilise' ? 0 : null
  if (relay !== null && id !== null) return Buffer.from(`*HQ,${id},S20,${timeOfDay(args.at)},1,${relay}#`, 'latin1')
  return name === 'raw' && typeof args.text === 'string' ? Buffer.from(args.text, 'latin1') : null
}

/** `HHMMSS` of a moment in milliseconds; midnight when none is given: devices do not look at it. */
function timeOfDay(at: unknown): string {
  return new Date(typeof at === 'number' ? at : 0).toISOString().slice(11, 19).replaceAll(':', '')
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
  encode,
}
