import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LocationUpdate } from '../../contract/index.ts'

/** RFC 7946 §12 */
export const GEOJSON_TYPE = 'application/geo+json'

/** Whether the client asks for GeoJSON before plain JSON; caches are told that the answer depends on it. */
export function wantsGeoJson(request: FastifyRequest, reply: FastifyReply): boolean {
  const vary = reply.getHeader('vary')
  reply.header('vary', vary === undefined ? 'accept' : `${vary}, accept`)
  const weights = new Map<string, number>()
  for (const part of (request.headers.accept ?? '').split(',')) {
    const [type, ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
    const q = parameters.find(parameter => parameter.startsWith('q='))
    weights.set(type!, q === undefined ? 1 : Number(q.slice(2)) || 0)
  }
  const geo = weights.get(GEOJSON_TYPE) ?? 0
  return geo > 0 && geo >= (weights.get('application/json') ?? 0)
}

/** Sends a page as a FeatureCollection; `next` is a foreign member, RFC 7946 §6.1. */
export function sendFeatures(reply: FastifyReply, features: readonly unknown[], next: string | null): FastifyReply {
  return reply.type(GEOJSON_TYPE).send({ type: 'FeatureCollection', features, next })
}

/** A fix as a Point, `[longitude, latitude]` or with altitude; the rest of the fix are its properties. */
export function fixFeature(fix: LocationUpdate): object {
  const { location, ...rest } = fix
  const { lat, lng, altitude, ...measures } = location
  const coordinates = altitude === undefined ? [lng, lat] : [lng, lat, altitude]
  return { type: 'Feature', geometry: { type: 'Point', coordinates }, properties: { ...rest, ...measures } }
}

/** The schema of a FeatureCollection answer, for the document. */
export function featureCollectionOf(feature: object): object {
  return {
    type: 'object',
    required: ['type', 'features', 'next'],
    properties: {
      type: { const: 'FeatureCollection' },
      features: { type: 'array', items: feature },
      next: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    },
  }
}
