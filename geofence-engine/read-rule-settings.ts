import { checkSchema, RuleSettings, TrackwireError } from '../contract/index.ts'
import { readFence } from './read-fence.ts'

/**
 * Reads rule settings from outside: their schema, and that a route is one. Altitudes and repeated positions of a route are gone.
 * @throws TrackwireError payload_invalid with `details.path` (JSON pointer)
 */
export function readRuleSettings(value: unknown): RuleSettings {
  const settings = checkSchema(RuleSettings, value)
  const { offRoute } = settings
  if (offRoute === undefined || offRoute === null) return settings
  const { fenceId, route, bufferMeters } = offRoute
  if (fenceId !== undefined) {
    if (route === undefined && bufferMeters === undefined) return settings
    throw invalid('/offRoute has a fenceId and a route of its own; send either', '/offRoute')
  }
  if (route === undefined || bufferMeters === undefined) {
    throw invalid('/offRoute names no corridor; send fenceId, or route with bufferMeters', '/offRoute')
  }
  return { ...settings, offRoute: { ...offRoute, route: readRoute(route, bufferMeters) } }
}

function readRoute(coordinates: number[][], buffer: number): number[][] {
  try {
    const line = { type: 'LineString', coordinates }
    const { geometry } = readFence({ type: 'Feature', id: 'route', geometry: line, properties: { buffer } })
    return geometry.coordinates as number[][]
  } catch (cause) {
    if (!(cause instanceof TrackwireError)) throw cause
    const path = String(cause.details?.path ?? '').replace('/geometry/coordinates', '/offRoute/route')
    const message = cause.message.replaceAll('/geometry/coordinates', '/offRoute/route')
    throw new TrackwireError('payload_invalid', message, { cause, details: { ...cause.details, path } })
  }
}

function invalid(message: string, path: string): TrackwireError {
  return new TrackwireError('payload_invalid', message, { details: { path } })
}
