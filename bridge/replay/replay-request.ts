import Type from 'typebox'
import {
  checkFix,
  checkSchema,
  type FenceFeature,
  Id,
  type RuleSettings,
  TrackwireError,
} from '../../contract/index.ts'
import { engineFix, type Fix, readRuleSettings } from '../../geofence-engine/index.ts'
import { readTime } from '../http/query.ts'
import { readFenceCollection } from '../ingest/read-fence-collection.ts'
import { inSlices } from '../ingest/slices.ts'

export const MAX_REPLAY_DEVICES = 100
/** Fixes a call runs, those of a lead-in included. */
export const MAX_REPLAY_FIXES = 100_000

const Time = Type.Union([Type.Integer(), Type.String({ maxLength: 40 })], {
  description: 'Milliseconds since the Unix epoch, or ISO 8601 with a zone',
})

export const ReplayBody = Type.Object(
  {
    deviceId: Type.Optional(Id),
    deviceIds: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: MAX_REPLAY_DEVICES })),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    fences: Type.Optional(
      Type.Unknown({
        description: 'A FeatureCollection of fences, or `"stored"`: those of the organisation (default)',
      }),
    ),
    fenceIds: Type.Optional(
      Type.Array(Id, { minItems: 1, maxItems: 1_000, description: 'Only these of the stored fences' }),
    ),
    rules: Type.Optional(
      Type.Unknown({ description: 'RuleSettings, or `"stored"`: those in force for each device (default)' }),
    ),
    track: Type.Optional(
      Type.Array(Type.Unknown(), {
        minItems: 1,
        maxItems: MAX_REPLAY_FIXES,
        description: 'LocationUpdates of the one device, in any order, instead of its stored history',
      }),
    ),
    decisions: Type.Optional(Type.Boolean({ description: 'Also why each event came, and why others did not' })),
    clock: Type.Optional(
      Type.Boolean({
        description:
          'Whether the silence after the last fix counts, up to `to` or now; left out: only when comparing with what was announced',
      }),
    ),
    compare: Type.Optional(
      Type.Boolean({
        description: 'Also what differs from the stored events that stand: gone, new, and how many same',
      }),
    ),
  },
  { additionalProperties: false },
)

/** What to run; times in milliseconds, `from` inclusive, `to` exclusive. */
export interface ReplayRequest {
  readonly deviceIds: readonly string[]
  readonly from: number | undefined
  readonly to: number | undefined
  readonly fences: readonly FenceFeature[] | 'stored'
  /** Null: all that are stored. */
  readonly fenceIds: readonly string[] | null
  readonly rules: RuleSettings | 'stored'
  /** Null: the stored history. */
  readonly track: readonly Fix[] | null
  readonly decisions: boolean
  readonly clock: boolean
  readonly compare: boolean
}

/**
 * Reads the body of a replay; a long track and large fences are read in slices.
 * @throws TrackwireError payload_invalid, request_invalid, fence_invalid and what is wrong with a fix of the track
 */
export async function readReplayRequest(value: unknown): Promise<ReplayRequest> {
  const body = checkSchema(ReplayBody, value)
  const { deviceId, deviceIds, track, fences = 'stored', fenceIds, rules = 'stored' } = body
  const { compare = false, decisions = false, clock = compare } = body
  if ((deviceId === undefined) === (deviceIds === undefined)) {
    throw invalid('say whose track it is: either deviceId or deviceIds', '/deviceId')
  }
  const ids = deviceIds === undefined ? [deviceId!] : [...new Set(deviceIds)]
  const from = readTime('from', body.from === undefined ? undefined : String(body.from))
  const to = readTime('to', body.to === undefined ? undefined : String(body.to))
  if (from !== undefined && to !== undefined && from > to) throw invalid('from is after to', '/from')
  if (fences !== 'stored' && fenceIds !== undefined) {
    throw invalid('fenceIds chooses among the stored fences; send it without fences, or with "stored"', '/fenceIds')
  }
  if (track !== undefined && ids.length > 1) throw invalid('a track is of one device; send its deviceId', '/deviceIds')
  if (track !== undefined && compare) {
    throw invalid('compare is with what was announced of the stored history; send no track', '/compare')
  }
  return {
    deviceIds: ids,
    from,
    to,
    fences: fences === 'stored' ? fences : await readFenceCollection(fences),
    fenceIds: fenceIds ?? null,
    rules: rules === 'stored' ? rules : readRules(rules),
    track: track === undefined ? null : await readTrack(track, ids[0]!),
    decisions,
    clock,
    compare,
  }
}

function readRules(value: unknown): RuleSettings {
  try {
    return readRuleSettings(value)
  } catch (cause) {
    if (!(cause instanceof TrackwireError)) throw cause
    throw invalid(`in the rules, ${cause.message}`, `/rules${cause.details?.path ?? ''}`)
  }
}

async function readTrack(track: readonly unknown[], deviceId: string): Promise<Fix[]> {
  const fixes: Fix[] = []
  await inSlices(track.entries(), ([index, value]) => {
    try {
      fixes.push(engineFix(checkFix(value, deviceId, Number.POSITIVE_INFINITY)))
    } catch (cause) {
      if (!(cause instanceof TrackwireError)) throw cause
      throw new TrackwireError(cause.code, `fix ${index} of the track: ${cause.message}`, {
        cause,
        details: { ...cause.details, index },
      })
    }
  })
  return fixes
}

function invalid(message: string, path: string): TrackwireError {
  return new TrackwireError('request_invalid', message, { details: { path } })
}
