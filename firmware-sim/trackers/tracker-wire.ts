import type { LocationUpdate } from '../../contract/index.ts'

/** What the platform said to a tracker. */
export type PlatformMessage =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'acknowledged' }
  /** A command, and what this device answers to it. */
  | { readonly kind: 'command'; readonly text: string; readonly reply: Buffer }

/** A maker's protocol from the device's side: bytes of what it says, and what the platform's bytes mean. */
export interface TrackerWire {
  /** Most fixes in one message. */
  readonly maxFixes: number
  login(imei: string): Buffer
  /** One message; answered with `acknowledged` once its fixes are stored. */
  fixes(fixes: readonly LocationUpdate[]): Buffer
  /** The button: the newest fix with the alarm. Answered with `acknowledged`. */
  sos(fix: LocationUpdate): Buffer
  /** A sign of life, and whether the platform answers it. */
  heartbeat(fix: LocationUpdate | undefined): { readonly bytes: Buffer; readonly answered: boolean }
  /** The message that the bytes begin with, and how long it is; null: more has to arrive. @throws Error for what is none */
  read(bytes: Buffer): { readonly message: PlatformMessage; readonly length: number } | null
}

/** The bits of each byte are taken from the lowest on; `polynomial` is given that way too. */
export function crc16(bytes: Uint8Array, polynomial: number, initial: number): number {
  let crc = initial
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  }
  return crc
}
