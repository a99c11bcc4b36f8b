import type { Protocol } from '../protocol.ts'
import { acknowledgeTeltonika } from './answer.ts'
import { teltonikaCommands } from './commands.ts'
import { decodeTeltonika, type TeltonikaMemory } from './decode.ts'
import { cutTeltonika, MAX_FRAME_BYTES } from './frames.ts'

/** "Teltonika Data Sending Protocols": codecs 8, 8 Extended and 16 with positions, 12 to 14 with text, 7 of the GH series. */
export const teltonika: Protocol<TeltonikaMemory> = {
  name: 'teltonika',
  title: 'Teltonika',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: null,
  cut: cutTeltonika,
  decode: decodeTeltonika,
  acknowledge: acknowledgeTeltonika,
  commands: teltonikaCommands,
}
