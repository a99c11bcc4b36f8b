import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifySchemaCompiler,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type Type from 'typebox'
import type { TSchema } from 'typebox'
import { checkSchema, TrackwireError } from '../../contract/index.ts'

/** Types a handler's `query`, `params` and `body` from the route's own schemas. */
interface SchemaTypes extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Type.Static<this['schema']> : unknown
}

/** The Fastify instance as the route files see it. */
export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  SchemaTypes
>

const CHECKED_BY_HANDLER = Symbol('checked by handler')

/** A body schema that only documents: the handler checks, because it can say more (a geometry's fault) or take it in parts (a batch). */
export function documented(schema: object): object {
  return { ...schema, [CHECKED_BY_HANDLER]: true }
}

/**
 * Checks bodies with the contract's compiled schemas, so HTTP and MQTT refuse the same things with the same words.
 * Query strings and path parameters are texts: numbers and booleans are read where the schema asks for them, unknown names are refused.
 */
export const compileCheck: FastifySchemaCompiler<TSchema & Record<string | symbol, unknown>> = ({
  schema,
  httpPart,
}) => {
  if (schema[CHECKED_BY_HANDLER] === true) return () => true
  if (httpPart === 'body') {
    return value => attempt(() => checkBody(schema, value))
  }
  const properties = (schema.properties ?? {}) as Record<string, { type?: string }>
  return value => attempt(() => checkTexts(schema, properties, value as Record<string, unknown>))
}

type Checked = { value: unknown } | { error: Error }

function attempt(check: () => unknown): Checked {
  try {
    return { value: check() }
  } catch (error) {
    return { error: error as Error }
  }
}

function checkBody(schema: TSchema, value: unknown): unknown {
  if (value === null)
    throw new TrackwireError('payload_not_json', 'the request has no body, or null; send a JSON value')
  return checkSchema(schema, value)
}

function readText(type: string | undefined, text: string): unknown {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (type === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function checkTexts(schema: TSchema, properties: Record<string, { type?: string }>, value: Record<string, unknown>) {
  const read: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(value)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (property === undefined) {
      const known = Object.keys(properties).join(', ') || 'none'
      throw new TrackwireError('request_invalid', `the query parameter ${name} is not known here; known: ${known}`)
    }
    if (property.type === 'array') {
      // Named again and again, parted by commas, or both.
      read[name] = [text as string | string[]].flat().flatMap(part => part.split(','))
      continue
    }
    if (Array.isArray(text)) {
      throw new TrackwireError('request_invalid', `the query parameter ${name} was given more than once`)
    }
    read[name] = readText(property.type, text as string)
  }
  try {
    return checkSchema(schema, read)
  } catch (cause) {
    throw new TrackwireError('request_invalid', `in the URL, ${(cause as Error).message.replace(/^\//, '')}`, { cause })
  }
}
