import Type from 'typebox'
import { Id, TimestampMs } from './ids.ts'

/** A position on WGS 84. Metres, metres per second, degrees clockwise from true north. */
export const Location = Type.Object(
  {
    lat: Type.Number({ minimum: -90, maximum: 90, description: 'Latitude, degrees' }),
    lng: Type.Number({ minimum: -180, maximum: 180, description: 'Longitude, degrees' }),
    accuracy: Type.Optional(Type.Number({ minimum: 0, description: 'Horizontal accuracy, metres' })),
    speed: Type.Optional(Type.Number({ minimum: 0, description: 'Speed over ground, metres per second' })),
    heading: Type.Optional(Type.Number({ minimum: 0, maximum: 360, description: 'Degrees clockwise from true north' })),
    altitude: Type.Optional(
      Type.Number({ description: 'Metres above the ellipsoid or sea level, as the device has it' }),
    ),
  },
  { additionalProperties: false },
)
export type Location = Type.Static<typeof Location>

const Metadata = Type.Object(
  {
    battery: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'Per cent' })),
    network: Type.Optional(Type.String({ maxLength: 64 })),
    activity: Type.Optional(Type.String({ maxLength: 64, description: 'stationary, walking, running, driving, …' })),
  },
  { additionalProperties: true },
)

/** One fix of one device. Unknown top-level keys are refused: whatever else a device has to say goes into `attributes`. */
export const LocationUpdate = Type.Object(
  {
    deviceId: Type.Optional(Id),
    userId: Type.Optional(Id),
    timestamp: TimestampMs,
    location: Location,
    metadata: Type.Optional(Metadata),
    attributes: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { additionalProperties: false },
)
export type LocationUpdate = Type.Static<typeof LocationUpdate>

/** What a batch may carry: positions a device buffered while it was offline, in any order. */
export const MAX_BATCH = 1_000
export const LocationBatch = Type.Array(LocationUpdate, { minItems: 1, maxItems: MAX_BATCH })
export type LocationBatch = Type.Static<typeof LocationBatch>

/** A fix further ahead of our clock than this is set aside for a person to judge. */
export const FUTURE_TOLERANCE_MS = 120_000
/** 1980-01-06, the GPS epoch. Anything earlier is not a fix; most often it is seconds sent for milliseconds. */
export const GPS_EPOCH_MS = 315_964_800_000
