import type { Decoded, Protocol } from '../protocol.ts'
import { jt808Commands } from './commands.ts'
import { decodeJt808, type Jt808Memory, MESSAGE } from './decode.ts'
import { buildMessage, cutJt808, MAX_FRAME_BYTES, partsOf } from './frames.ts'
import { identityOf } from './identity.ts'

const PLATFORM_RESPONSE = 0x8001
const REGISTER_RESPONSE = 0x8100
const SUCCESS = 0

/** A registration is answered with the code that the terminal authenticates with from then on, all else with its number. */
function acknowledge(frame: Buffer, _decoded: Decoded<Jt808Memory>): Buffer | null {
  const parts = frame[0] === 0x7e ? partsOf(frame) : null
  if (parts === null || parts.id === MESSAGE.terminalResponse) return null
  if (parts.id === MESSAGE.lockLocation || parts.id === MESSAGE.lockStored) return null
  const head = Buffer.alloc(2)
  head.writeUInt16BE(parts.serial)
  if (parts.id === MESSAGE.register) {
    const code = Buffer.from(identityOf(parts.phone), 'latin1')
    return buildMessage(REGISTER_RESPONSE, parts, 1, Buffer.concat([head, Buffer.from([SUCCESS]), code]))
  }
  const id = Buffer.alloc(2)
  id.writeUInt16BE(parts.id)
  return buildMessage(PLATFORM_RESPONSE, parts, 1, Buffer.concat([head, id, Buffer.from([SUCCESS])]))
}

/** JT/T 808, the standard of Chinese terminals (2013 and 2019), as Huabao and many others speak it. */
export const jt808: Protocol<Jt808Memory> = {
  name: 'jt808',
  title: 'JT/T 808',
  transports: ['tcp', 'udp'],
  maxFrameBytes: MAX_FRAME_BYTES,
  initial: { phone: null, version: null },
  cut: cutJt808,
  decode: decodeJt808,
  acknowledge,
  commands: jt808Commands,
}
