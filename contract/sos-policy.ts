import Type from 'typebox'
import { TrackwireError } from './errors.ts'
import { checkSchema } from './payloads.ts'
import { MAX_SOS_TEXT } from './sos.ts'

const WEEK_SECONDS = 604_800

/** Who is told when nobody acknowledged in time. Tiers count from 1. */
export const SosTier = Type.Object(
  {
    afterSeconds: Type.Integer({
      minimum: 1,
      maximum: WEEK_SECONDS,
      description: 'Without an acknowledgement since the trigger was received',
    }),
    notify: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
      maxItems: 100,
      description: 'User ids, roles, or addresses in words; carried by the event',
    }),
    note: Type.Optional(Type.String({ maxLength: MAX_SOS_TEXT, description: 'What the tier is to do' })),
    outside: Type.Optional(
      Type.Boolean({ description: 'Outside of the organisation (an alarm centre): not told of drills' }),
    ),
  },
  { additionalProperties: false },
)
export type SosTier = Type.Static<typeof SosTier>

/** Whoever forgets that there are drills has real alerts again after so long. */
const MAX_DRILL_MS = 31 * 86_400_000

/** How an organisation escalates its SOS alerts. */
export const SosPolicy = Type.Object(
  {
    tiers: Type.Array(SosTier, { maxItems: 10, description: 'In the order of their times' }),
    repeatSeconds: Type.Optional(
      Type.Integer({
        minimum: 5,
        maximum: WEEK_SECONDS,
        description: 'Until it is acknowledged, the tier told last is told again so often; not at all when left out',
      }),
    ),
    reopenAfterSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: WEEK_SECONDS,
        description: 'Acknowledged so long and not closed: the escalation begins again; never when left out',
      }),
    ),
    drillUntil: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 8_640_000_000_000_000,
        description: 'Every SOS that arrives before this time (milliseconds) is a drill; at most 31 days ahead',
      }),
    ),
    drillsReachOutside: Type.Optional(Type.Boolean({ description: 'Tiers marked `outside` are told of drills too' })),
  },
  { additionalProperties: false },
)
export type SosPolicy = Type.Static<typeof SosPolicy>

/** Of an organisation that has not set its own. */
export const DEFAULT_SOS_POLICY: SosPolicy = {
  tiers: [
    { afterSeconds: 120, notify: ['dispatcher'] },
    { afterSeconds: 300, notify: ['dispatcher', 'admin'] },
  ],
  repeatSeconds: 300,
}

/** @throws TrackwireError payload_invalid */
export function checkSosPolicy(value: unknown, nowMs: number): SosPolicy {
  const policy = checkSchema(SosPolicy, value)
  if (policy.drillUntil !== undefined && policy.drillUntil > nowMs + MAX_DRILL_MS) {
    throw new TrackwireError('payload_invalid', '/drillUntil must be within 31 days: until then no SOS is a real one', {
      details: { path: '/drillUntil' },
    })
  }
  for (const [i, { afterSeconds }] of policy.tiers.entries()) {
    if (i === 0 || afterSeconds > policy.tiers[i - 1]!.afterSeconds) continue
    const path = `/tiers/${i}/afterSeconds`
    throw new TrackwireError('payload_invalid', `${path} must be more than that of the tier before it`, {
      details: { path },
    })
  }
  return policy
}
