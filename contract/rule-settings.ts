import Type from 'typebox'

/**
 * The rules of a device beside fences. Set for an organisation, a group or a device; the narrower one wins, rule by rule,
 * and `null` switches a rule off that a wider one sets. Metres per second, seconds, metres, per cent.
 */
export const RuleSettings = Type.Object({}, { additionalProperties: false })
export type RuleSettings = Type.Static<typeof RuleSettings>
