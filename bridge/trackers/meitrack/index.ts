import type { Protocol } from '../protocol.ts'
import { meitrackCommands } from './commands.ts'
import { decodeMeitrack, type MeitrackMemory } from './decode.ts'
import { cutMeitrack, MAX_FRAME_BYTES } from './frames.ts'

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
  commands: meitrackCommands,
}
