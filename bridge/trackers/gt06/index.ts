import type { Protocol } from '../protocol.ts'
import { acknowledgeGt06 } from './answer.ts'
import { gt06Commands } from './commands.ts'
import { decodeGt06, type Gt06Memory } from './decode.ts'
import { cutGt06, MAX_FRAME_BYTES } from './frames.ts'

/** The protocol of the GT06 and its many descendants (Concox, Jimi, Coban's newer ones). */
export const gt06: Protocol<Gt06Memory> = {
  name: 'gt06',
  title: 'GT06 / Concox',
  transports: ['tcp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: null,
  cut: cutGt06,
  decode: decodeGt06,
  acknowledge: acknowledgeGt06,
  commands: gt06Commands,
}
