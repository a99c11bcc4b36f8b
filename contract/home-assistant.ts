import Type from 'typebox'

/** A discovery message: the keys are Home Assistant's, and it gets more of them with its versions. */
export const HomeAssistantConfig = Type.Object(
  {
    unique_id: Type.String(),
    name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  },
  { additionalProperties: true },
)
export type HomeAssistantConfig = Type.Static<typeof HomeAssistantConfig>

/** The newest fix of a device. `latitude`, `longitude` and `gps_accuracy` are names that Home Assistant gives a meaning. */
export const HomeAssistantAttributes = Type.Object({
  latitude: Type.Number({ description: 'Degrees' }),
  longitude: Type.Number({ description: 'Degrees' }),
  gps_accuracy: Type.Optional(Type.Number({ description: 'Metres' })),
  altitude: Type.Optional(Type.Number({ description: 'Metres' })),
  course: Type.Optional(Type.Number({ description: 'Degrees clockwise from true north' })),
  speed: Type.Optional(Type.Number({ description: 'Metres per second' })),
  battery_level: Type.Optional(Type.Number({ description: 'Per cent' })),
  last_seen: Type.String({ description: 'When the device was there, ISO 8601' }),
})
export type HomeAssistantAttributes = Type.Static<typeof HomeAssistantAttributes>
