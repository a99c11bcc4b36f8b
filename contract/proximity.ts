import Type from 'typebox'
import { Id } from './ids.ts'

/** Two devices, or a device and every other one of a group, that are told of when they come near each other. */
export const ProximityRule = Type.Object(
  {
    devices: Type.Array(Id, {
      minItems: 1,
      maxItems: 2,
      uniqueItems: true,
      description: 'Two devices; or one, with `group`',
    }),
    group: Type.Optional(Id),
    nearMeters: Type.Number({ exclusiveMinimum: 0, maximum: 100_000, description: '`near` at this distance or less' }),
    farMeters: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 200_000,
        description: '`far` beyond this distance; a quarter more than `nearMeters` when left out',
      }),
    ),
    minSeconds: Type.Optional(
      Type.Number({ minimum: 0, maximum: 86_400, description: 'So long they have to be near, by their fixes; 0' }),
    ),
    maxAgeSeconds: Type.Optional(
      Type.Number({ minimum: 1, maximum: 86_400, description: 'An older position says nothing; 120' }),
    ),
    severity: Type.Optional(Type.String({ maxLength: 32 })),
  },
  { additionalProperties: false },
)
export type ProximityRule = Type.Static<typeof ProximityRule>
