import Type from 'typebox'

/** Ids of devices, users, fences, alerts and commands: `[A-Za-z0-9._:-]{1,64}`. */
export const ID_PATTERN = /^[A-Za-z0-9._:-]{1,64}$/
/** An organisation, the first topic level: `[a-z0-9-]{1,63}`. */
export const ORG_PATTERN = /^[a-z0-9-]{1,63}$/

export const Id = Type.String({ pattern: ID_PATTERN.source, description: 'Id: 1 to 64 of A-Z a-z 0-9 . _ : -' })
export const Org = Type.String({ pattern: ORG_PATTERN.source, description: 'Organisation: 1 to 63 of a-z 0-9 -' })
/** Milliseconds since the Unix epoch, UTC. The bound is ECMAScript's largest time value. */
export const TimestampMs = Type.Integer({
  minimum: 0,
  maximum: 8_640_000_000_000_000,
  description: 'Milliseconds since the Unix epoch (UTC)',
})

export function isId(text: unknown): text is string {
  return typeof text === 'string' && ID_PATTERN.test(text)
}

export function isOrg(text: unknown): text is string {
  return typeof text === 'string' && ORG_PATTERN.test(text)
}
