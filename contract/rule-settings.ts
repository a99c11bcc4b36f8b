import Type, { type TSchema } from 'typebox'
import { AlarmEventKind } from './device-alarm.ts'
import { Id } from './ids.ts'

const Severity = Type.Optional(Type.String({ maxLength: 32, description: 'Passed on with the events of this rule' }))

const minFixes = (what: string) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 100,
      description: `Fixes in a row that confirm ${what}; 2, or none when \`minSeconds\` is given`,
    }),
  )
const minSeconds = (what: string) =>
  Type.Optional(
    Type.Number({ minimum: 0, maximum: 86_400, description: `Seconds that confirm ${what}, even with fewer fixes` }),
  )
const seconds = (description: string) =>
  Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 2_592_000, description: `Seconds; ${description}` }))
const meters = (description: string) =>
  Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000, description: `Metres; ${description}` }))

export const OverspeedSettings = Type.Object(
  {
    limit: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1_000,
        description:
          'Metres per second. The `speedLimit` of a fence that the device is in counts too, the lowest of all applies; without a limit only those of fences do',
      }),
    ),
    tolerance: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1_000,
        description: 'Metres per second above the limit that are let pass; 0',
      }),
    ),
    minFixes: minFixes('the beginning and the end'),
    minSeconds: minSeconds('the beginning and the end'),
    severity: Severity,
  },
  { additionalProperties: false, description: 'Faster than a limit: `overspeed` begins and ends' },
)
export type OverspeedSettings = Type.Static<typeof OverspeedSettings>

export const IdleSettings = Type.Object(
  {
    seconds: seconds('how long it stands with the ignition on; 300'),
    maxSpeed: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: 'Metres per second that still count as standing; 1' }),
    ),
    radiusMeters: meters('farther from where it stood is moving; 100'),
    minFixes: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'Fixes in a row that confirm that it moves; 2' }),
    ),
    severity: Severity,
  },
  { additionalProperties: false, description: 'Stands with `attributes.ignition` true: `idle` begins and ends' },
)
export type IdleSettings = Type.Static<typeof IdleSettings>

export const MotionSettings = Type.Object(
  {
    distanceMeters: meters('farther than so from where it stands, beside its accuracy, is moving; 150'),
    seconds: seconds('how long it stays within that distance to be stationary; 180'),
    minFixes: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'Fixes in a row that confirm that it moves; 2' }),
    ),
    severity: Severity,
  },
  { additionalProperties: false, description: '`moving` and `stationary`, one for each change' },
)
export type MotionSettings = Type.Static<typeof MotionSettings>

export const TowSettings = Type.Object(
  {
    distanceMeters: meters('farther than so from where the ignition was turned off, beside its accuracy; 200'),
    seconds: seconds('how long it stays in one place again until the tow is over; 300'),
    minFixes: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'Fixes in a row that confirm that it moves; 2' }),
    ),
    severity: Severity,
  },
  { additionalProperties: false, description: 'Moves with `attributes.ignition` false: `tow` begins and ends' },
)
export type TowSettings = Type.Static<typeof TowSettings>

export const LowBatterySettings = Type.Object(
  {
    limit: Type.Number({ exclusiveMinimum: 0, maximum: 100, description: 'Per cent; below is low' }),
    hysteresis: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: 'Per cent above the limit at which it is over; 5' }),
    ),
    severity: Severity,
  },
  { additionalProperties: false, description: '`metadata.battery` below a limit: `low-battery` begins and ends' },
)
export type LowBatterySettings = Type.Static<typeof LowBatterySettings>

export const OffRouteSettings = Type.Object(
  {
    fenceId: Type.Optional({
      ...Id,
      description: 'A corridor fence (LineString with `buffer`); or `route` and `bufferMeters`',
    }),
    route: Type.Optional(
      Type.Array(Type.Array(Type.Number(), { minItems: 2, maxItems: 4, description: '[longitude, latitude]' }), {
        minItems: 2,
        maxItems: 10_000,
        description: 'The line, as in a GeoJSON LineString',
      }),
    ),
    bufferMeters: meters('to either side of `route`'),
    hysteresisMeters: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1_000_000,
        description: 'Metres inside the border at which it is back; 10, half the buffer at the most',
      }),
    ),
    minFixes: minFixes('that it left and that it is back'),
    minSeconds: minSeconds('that it left and that it is back'),
    severity: Severity,
  },
  { additionalProperties: false, description: 'Off its assigned route: `off-route` begins and ends' },
)
export type OffRouteSettings = Type.Static<typeof OffRouteSettings>

export const OfflineSettings = Type.Object(
  {
    silenceSeconds: Type.Number({ minimum: 1, maximum: 2_592_000, description: 'Seconds without a sign of life' }),
    graceSeconds: Type.Optional(
      Type.Number({ minimum: 0, maximum: 2_592_000, description: 'Seconds a lost connection may take to come back' }),
    ),
    severity: Severity,
  },
  { additionalProperties: false, description: 'Silent or disconnected: `offline`, then `online`' },
)
export type OfflineSettings = Type.Static<typeof OfflineSettings>

export const AlarmSettings = Type.Object(
  {
    kinds: Type.Optional(
      Type.Array(AlarmEventKind, { uniqueItems: true, description: 'These alone are heeded; all when left out' }),
    ),
    quietSeconds: seconds('not raised again for so long, it is over; 3,600 for power and battery, 300 for the others'),
    severity: Severity,
  },
  {
    additionalProperties: false,
    description: 'What the device raises itself (`attributes.alarms`): on unless it is `null`',
  },
)
export type AlarmSettings = Type.Static<typeof AlarmSettings>

const rule = <Settings extends TSchema>(settings: Settings) => Type.Optional(Type.Union([settings, Type.Null()]))

/**
 * The rules of a device beside fences. Set for an organisation, a group or a device; the narrower one wins, rule by rule,
 * and `null` switches a rule off that a wider one sets. No rule is on that nobody set, but that the `speedLimit` of a fence
 * is heeded unless `overspeed` is `null`, and what a device raises itself unless `alarms` is. Metres per second, seconds, metres, per cent.
 */
export const RuleSettings = Type.Object(
  {
    overspeed: rule(OverspeedSettings),
    idle: rule(IdleSettings),
    motion: rule(MotionSettings),
    tow: rule(TowSettings),
    lowBattery: rule(LowBatterySettings),
    offRoute: rule(OffRouteSettings),
    offline: rule(OfflineSettings),
    alarms: rule(AlarmSettings),
  },
  { additionalProperties: false },
)
export type RuleSettings = Type.Static<typeof RuleSettings>
export type RuleName = keyof RuleSettings
