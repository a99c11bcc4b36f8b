import type { FastifyInstance } from 'fastify'
import { checkStorable, TrackwireError } from '../../contract/index.ts'

/** Bodies of the API: strict UTF-8 JSON under its own name, as GeoJSON, or any other `+json`. */
const JSON_TYPES = /^application\/(json|[a-z0-9.-]+\+json)(;|$)/i

/** Reads bodies as MQTT payloads are read: strict UTF-8, nothing the database cannot hold. An empty body is `undefined`. */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(JSON_TYPES, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseBody(body as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
}

function parseBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new TrackwireError('payload_not_json', `the body is not JSON in UTF-8: ${(cause as Error).message}`, {
      cause,
    })
  }
  checkStorable(value, '', 0)
  return value
}
