import Type from 'typebox'
import { TimestampMs } from './ids.ts'

export const DeviceStatus = Type.Object({
  state: Type.Union([Type.Literal('online'), Type.Literal('idle'), Type.Literal('offline')]),
  since: Type.Optional(TimestampMs),
  battery: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'Per cent' })),
  network: Type.Optional(Type.String({ maxLength: 64 })),
  firmware: Type.Optional(Type.String({ maxLength: 128 })),
  connection: Type.Optional(Type.String({ maxLength: 128 })),
  attributes: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: 'What a tracker said last without a position, by the vocabulary of `attributes` of its fixes',
    }),
  ),
})
export type DeviceStatus = Type.Static<typeof DeviceStatus>
