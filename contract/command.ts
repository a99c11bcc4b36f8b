import Type from 'typebox'
import { Id, TimestampMs } from './ids.ts'

/** A name of the sender's choice; what a device does with it is its own. */
const CommandName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
  description: '`locate`, `reboot`, `immobilise`, …; `sos-received` and `sos-acknowledged` come from the platform',
})
const CommandArgs = Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), {
  description: 'What belongs to the command',
})

/** What a device is asked to do, or told. */
export const Command = Type.Object({ name: CommandName, args: CommandArgs, expiresAt: TimestampMs })
export type Command = Type.Static<typeof Command>

/** A command as it is asked for over HTTP. */
export const CommandRequest = Type.Object(
  {
    id: Type.Optional({
      ...Id,
      description: 'Chosen by the caller; the same id with the same command is the same command. Made when left out',
    } as typeof Id),
    name: CommandName,
    args: Type.Optional(CommandArgs),
    expiresAt: Type.Optional({
      ...TimestampMs,
      description: 'Not sent after this, milliseconds; in an hour when left out, in 30 days at the latest',
    } as typeof TimestampMs),
  },
  { additionalProperties: false },
)
export type CommandRequest = Type.Static<typeof CommandRequest>

/** What became of a command, by its device. */
export const CommandResult = Type.Object(
  {
    ok: Type.Boolean({ description: 'Whether it was done' }),
    result: Type.Optional(Type.Unknown({ description: 'What came of it' })),
    error: Type.Optional(Type.String({ maxLength: 2_000, description: 'Why it was not done' })),
  },
  { additionalProperties: false },
)
export type CommandResult = Type.Static<typeof CommandResult>

export const COMMAND_STATES = [
  'awaiting-confirmation',
  'queued',
  'sent',
  'delivered',
  'executed',
  'failed',
  'expired',
  'cancelled',
] as const
export type CommandState = (typeof COMMAND_STATES)[number]

export const WAITING_REASONS = ['second-person', 'contact', 'no-fix', 'fix-old', 'speed-unknown', 'moving'] as const
export type WaitingReason = (typeof WAITING_REASONS)[number]

const literals = <Name extends string>(names: readonly Name[], description: string) =>
  Type.Unsafe<Name>(
    Type.Union(
      names.map(name => Type.Literal(name)),
      { description },
    ),
  )
const Moment = Type.Optional(TimestampMs)

/** A command as the platform keeps it. */
export const DeviceCommand = Type.Object({
  id: Id,
  deviceId: Id,
  name: CommandName,
  args: CommandArgs,
  state: literals(
    COMMAND_STATES,
    '`sent`: handed to a connection of the device; `delivered`: the device has it; `executed`, `failed`: by its own word',
  ),
  waitsFor: Type.Optional(
    Type.Object(
      { code: literals(WAITING_REASONS, 'What it waits for'), message: Type.String() },
      { description: 'Why it was not sent yet' },
    ),
  ),
  createdBy: Type.String({ description: 'The `sub` of whoever asked for it' }),
  createdAt: TimestampMs,
  expiresAt: TimestampMs,
  confirmedBy: Type.Optional(Type.String({ description: 'The second person, where one is needed' })),
  confirmedAt: Moment,
  /** Left out before it was sent. */
  transport: Type.Optional(Type.String({ description: '`mqtt`, or the protocol of the tracker' })),
  attempts: Type.Integer({ minimum: 0, description: 'How often it was handed to a connection' }),
  sentAt: Moment,
  deliveredAt: Moment,
  endedAt: Moment,
  result: Type.Optional(Type.Unknown({ description: 'What the device said of it' })),
  error: Type.Optional(Type.String({ description: 'Why it failed' })),
})
export type DeviceCommand = Type.Static<typeof DeviceCommand>
