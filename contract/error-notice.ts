import Type from 'typebox'

/** What the sender of a refused message is told on `{org}/users/{me}/errors`. */
export const ErrorNotice = Type.Object({
  code: Type.String({ description: 'One of the codes of docs/reference/errors.md' }),
  message: Type.String({ description: 'One plain sentence: the cause and the remedy' }),
  topic: Type.String({ description: 'The topic of the refused message or subscription' }),
  index: Type.Optional(Type.Integer({ minimum: 0, description: 'Which element of a batch' })),
  rateClass: Type.Optional(Type.String({ description: 'rate_limited: which limit was met' })),
  retryAfterMs: Type.Optional(
    Type.Integer({ minimum: 0, description: 'rate_limited: when the next message has room, milliseconds from now' }),
  ),
  dropped: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Messages that were dropped since the last notice of this kind' }),
  ),
  held: Type.Optional(
    Type.Integer({ minimum: 0, description: 'rate_limited: QoS 1 and 2 messages put off since the last notice' }),
  ),
})
export type ErrorNotice = Type.Static<typeof ErrorNotice>
