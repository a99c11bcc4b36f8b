import type { OverspeedSettings } from '../../contract/index.ts'
import {
  CLOSED,
  type DeviceRule,
  endOf,
  OPEN,
  type RuleContext,
  type SpeedLimit,
  shown,
  type Verdict,
} from './device-rule.ts'
import { type EpisodeMemory, stepEpisode } from './episode.ts'
import { speedOf, type Whereabouts } from './speed.ts'

/** Ten minutes without a fix: nothing is known of the speed in between, so an episode does not span them. */
const LONGEST_SILENCE_MS = 600_000

export interface OverspeedMemory extends EpisodeMemory {
  /** The position before the newest, for fixes that do not tell their speed. */
  readonly earlier?: Whereabouts
}

/**
 * `overspeed`: faster than the lowest of the device's limit and those of the fences it is in, and `tolerance` more. An end bears
 * the maximum. A fix whose speed is not known says nothing; where no limit applies nothing is too fast.
 */
export const overspeed: DeviceRule<OverspeedSettings, OverspeedMemory> = (memory, fix, settings, context) => {
  const { previous } = context
  const speed = speedOf(fix, previous, memory?.earlier)
  const earlier = fix.location.speed === undefined && previous !== null ? whereabouts(previous) : undefined

  const verdicts: Verdict[] = []
  let { open, pending }: EpisodeMemory = memory ?? {}
  if (previous !== null && fix.timestamp - previous.timestamp > LONGEST_SILENCE_MS) {
    if (open !== undefined) {
      const minutes = shown((fix.timestamp - previous.timestamp) / 60_000)
      const text = `no fix for ${minutes} min: the episode ends where the device was last known to be too fast`
      const notice = endOf('overspeed', open, pending ?? previous)
      verdicts.push({ event: 'overspeed', notice, reason: 'silence', text, before: OPEN, after: CLOSED })
    }
    open = undefined
    pending = undefined
  }
  const known = { ...(open !== undefined && { open }), ...(pending !== undefined && { pending }) }
  const limited = lowestLimit(settings, context)
  if (speed === undefined || (limited === null && open === undefined)) {
    return { memory: worthKeeping({ ...(speed === undefined && known), earlier }), verdicts }
  }
  const step = stepEpisode(known, fix, measure(speed, limited, settings), {
    event: 'overspeed',
    confirmation: settings,
    worse: Math.max,
  })
  return { memory: worthKeeping({ ...step.memory, earlier }), verdicts: [...verdicts, ...step.verdicts] }
}

type Limited = Pick<SpeedLimit, 'limit'> & Partial<SpeedLimit>

function lowestLimit({ limit }: OverspeedSettings, { speedLimits }: RuleContext): Limited | null {
  let lowest: Limited | null = limit === undefined ? null : { limit }
  for (const fence of speedLimits) if (lowest === null || fence.limit < lowest.limit) lowest = fence
  return lowest
}

function measure(speed: number, limited: Limited | null, { tolerance = 0 }: OverspeedSettings) {
  const value = speed
  if (limited === null)
    return { side: 'off' as const, value, words: () => `${shown(speed)} m/s where no limit applies` }
  const { limit, fenceId } = limited
  const side = speed > limit + tolerance ? ('on' as const) : ('off' as const)
  const words = () => {
    const whose = fenceId === undefined ? '' : ` of the fence ${fenceId}`
    const more = tolerance === 0 ? '' : ` and ${shown(tolerance)} m/s of tolerance`
    return `${shown(speed)} m/s, ${side === 'on' ? 'above' : 'not above'} the limit of ${shown(limit)} m/s${whose}${more}`
  }
  return { side, value, limit, words, ...(fenceId !== undefined && { fenceId }) }
}

function whereabouts({ timestamp, location }: Whereabouts): Whereabouts {
  const { lat, lng, accuracy } = location
  return { timestamp, location: { lat, lng, ...(accuracy !== undefined && { accuracy }) } }
}

function worthKeeping({
  open,
  pending,
  earlier,
}: EpisodeMemory & { earlier?: Whereabouts | undefined }): OverspeedMemory | undefined {
  if (open === undefined && pending === undefined && earlier === undefined) return undefined
  return {
    ...(open !== undefined && { open }),
    ...(pending !== undefined && { pending }),
    ...(earlier !== undefined && { earlier }),
  }
}
