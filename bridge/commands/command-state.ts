import type { CommandState } from '../../contract/index.ts'

/** What can happen to a command. */
export const HAPPENINGS = [
  /** The second person agreed. */
  'confirmed',
  /** It was handed to a connection of the device. */
  'sent',
  /** The connection ended before the device was known to have it: it waits for the next one. */
  'returned',
  /** The device has it. */
  'delivered',
  /** By the word of the device. */
  'executed',
  'failed',
  /** The device's protocol cannot say it. */
  'refused',
  /** Its time is over, and the device is not known to have it. */
  'expired',
  'cancelled',
] as const
export type Happening = (typeof HAPPENINGS)[number]

type Row = Readonly<Partial<Record<Happening, CommandState>>>

/** The one table of transitions. What is not in it changes nothing: late, repeated, or impossible. */
const TRANSITIONS: Readonly<Record<CommandState, Row>> = {
  'awaiting-confirmation': { confirmed: 'queued', expired: 'expired', cancelled: 'cancelled' },
  queued: {
    sent: 'sent',
    refused: 'failed',
    expired: 'expired',
    cancelled: 'cancelled',
    // Of one that was sent before and came back: the device had it after all.
    delivered: 'delivered',
    executed: 'executed',
    failed: 'failed',
  },
  // What is on its way cannot be called back.
  sent: {
    returned: 'queued',
    delivered: 'delivered',
    executed: 'executed',
    failed: 'failed',
    expired: 'expired',
  },
  // Where a command rests whose device says no more.
  delivered: { executed: 'executed', failed: 'failed' },
  executed: {},
  failed: {},
  expired: {},
  cancelled: {},
}

const BY_DEVICE: ReadonlySet<Happening> = new Set(['delivered', 'executed', 'failed'])

/**
 * The state after a happening; null when it changes nothing.
 * @param command.attempts how often it was handed to a connection: a device has no say on what it was never sent
 */
export function nextState(
  { state, attempts }: { readonly state: CommandState; readonly attempts: number },
  happening: Happening,
): CommandState | null {
  if (attempts === 0 && BY_DEVICE.has(happening)) return null
  return TRANSITIONS[state][happening] ?? null
}

/** Nothing more happens to it. */
export function hasEnded(state: CommandState): boolean {
  return Object.keys(TRANSITIONS[state]).length === 0
}
