import type { FastifyInstance } from 'fastify'
import { decodeJson } from '../../contract/index.ts'

/** Bodies of the API: strict UTF-8 JSON under its own name, as GeoJSON, or any other `+json`. */
const JSON_TYPES = /^application\/(json|[a-z0-9.-]+\+json)(;|$)/i

/** Reads bodies as MQTT payloads are read: strict UTF-8, nothing the database cannot hold. An empty body is `undefined`. */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(JSON_TYPES, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      const bytes = body as Buffer
      done(null, bytes.length === 0 ? undefined : decodeJson(bytes, 'body'))
    } catch (error) {
      done(error as Error)
    }
  })
}
