import Type from 'typebox'
import { TimestampMs } from './ids.ts'

/** What a device is asked to do, or told. */
export const Command = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64, description: '`sos-received`, `sos-acknowledged`, …' }),
  args: Type.Record(Type.String(), Type.Unknown()),
  expiresAt: TimestampMs,
})
export type Command = Type.Static<typeof Command>
