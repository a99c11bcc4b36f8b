import { UsageError } from './command.ts'

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** Seconds of `90s`, `15m`, `1h`, `30d`. */
export function readDuration(option: string, text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (amount === undefined || Number(amount) === 0)
    throw new UsageError(`${option} "${text}" is no duration; give 90s, 15m, 1h or 30d`)
  return Number(amount) * SECONDS[unit as keyof typeof SECONDS]
}
