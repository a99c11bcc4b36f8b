/** What could never be stored of a list, each with its place in it, as the answers of HTTP tell it. */
export const RefusedSchema = {
  type: 'array',
  items: {
    type: 'object',
    required: ['index', 'code', 'message'],
    properties: { index: { type: 'integer' }, code: { type: 'string' }, message: { type: 'string' } },
  },
} as const
