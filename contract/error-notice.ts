import Type from 'typebox'

/** What the sender of a refused message is told on `{org}/users/{me}/errors`. */
export const ErrorNotice = Type.Object({
  code: Type.String({ description: 'One of the codes of docs/reference/errors.md' }),
  message: Type.String({ description: 'One plain sentence: the cause and the remedy' }),
  topic: Type.String({ description: 'The topic of the refused message or subscription' }),
  index: Type.Optional(Type.Integer({ minimum: 0, description: 'Which element of a batch' })),
})
export type ErrorNotice = Type.Static<typeof ErrorNotice>
