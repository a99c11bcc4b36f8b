import type { DeviceAnswer, TrackerCommand } from './protocol-commands.ts'

/** Words by which devices say no; `ERR:1` is a counter in a report of some, no refusal. */
const REFUSALS =
  /\b(fail(ed|ure)?|err(or)?(?!:\s*\d)|invalid|illegal|unknown( command)?|unsupported|refused|denied|not (supported|executed|allowed|recognized))\b/i

/** The answer of a device in words: whether it did what it was asked. */
export function answered({ id }: TrackerCommand, text: string): DeviceAnswer {
  return { id, outcome: REFUSALS.test(text) ? 'failed' : 'executed', text: text.slice(0, 2_000) }
}

/** The command of this number, or of one whose answers bear no number that we gave, the oldest. */
export function byNumber(waiting: readonly TrackerCommand[], number: number | null): TrackerCommand | undefined {
  return waiting.find(command => command.number === number) ?? waiting[0]
}
