import { randomBytes } from 'node:crypto'
import { secretbox } from '@noble/ciphers/salsa.js'
import type { OwnTracksSecret } from '../broker/index.ts'
import { decodeJson, TrackwireError } from '../contract/index.ts'
import { BadSetting, type Setting } from './settings.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 24

/** The app takes at most 32 bytes and fills the rest of the key with zeros. */
export function ownTracksSecret(name: string, description: string): Setting<string> {
  return {
    name,
    default: '',
    description,
    parse: value => {
      if (Buffer.byteLength(value) > KEY_BYTES)
        throw new BadSetting(`longer than ${KEY_BYTES} bytes, as the app takes it`)
      return value
    },
  }
}

/**
 * Encrypts and opens as OwnTracks does with a shared secret: libsodium's secretbox (XSalsa20 and Poly1305), in base64 behind its
 * nonce. Opening throws TrackwireError `payload_invalid`, `payload_not_json`.
 */
export function sharedWithOwnTracks(secret: string): OwnTracksSecret {
  const key = new Uint8Array(KEY_BYTES)
  key.set(Buffer.from(secret))
  const seal = (message: unknown) => {
    const nonce = new Uint8Array(randomBytes(NONCE_BYTES))
    const box = secretbox(key, nonce).seal(new Uint8Array(Buffer.from(JSON.stringify(message))))
    return Buffer.concat([nonce, box]).toString('base64')
  }
  const open = (data: string) => {
    const bytes = new Uint8Array(Buffer.from(data, 'base64'))
    let message: Uint8Array
    try {
      message = secretbox(key, bytes.subarray(0, NONCE_BYTES)).open(bytes.subarray(NONCE_BYTES))
    } catch (cause) {
      throw new TrackwireError(
        'payload_invalid',
        'the message does not open with TRACKWIRE_OWNTRACKS_SECRET; the secret in the app is another one',
        { cause },
      )
    }
    return decodeJson(message, 'payload')
  }
  return { open, seal }
}
