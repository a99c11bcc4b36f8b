import type { LowBatterySettings } from '../../contract/index.ts'
import { type DeviceRule, shown } from './device-rule.ts'
import { type EpisodeMemory, stepEpisode } from './episode.ts'

const DEFAULT_HYSTERESIS = 5
const FULL = 100

/** `low-battery`: begins below the limit, ends `hysteresis` above it. A fix that does not tell the battery says nothing. */
export const lowBattery: DeviceRule<LowBatterySettings, EpisodeMemory> = (memory, fix, settings) => {
  if (fix.battery === undefined) return { memory, verdicts: [] }
  const { limit, hysteresis = DEFAULT_HYSTERESIS } = settings
  const over = Math.min(FULL, limit + hysteresis)
  const value = fix.battery
  const side = value < limit ? 'on' : value >= over ? 'off' : 'between'
  const words = () => `battery at ${shown(value)} %, the limit is ${shown(limit)} %, over at ${shown(over)} %`
  return stepEpisode(
    memory,
    fix,
    { side, value, limit, words },
    { event: 'low-battery', confirmation: { minFixes: 1 }, worse: Math.min },
  )
}
