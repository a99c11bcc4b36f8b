import { TrackwireError } from '../../contract/index.ts'

/** A refused fence: what is wrong, where in the GeoJSON (a JSON pointer) and at which `[lng, lat]`. */
export function fenceFault(message: string, path: string, position?: readonly [number, number]): TrackwireError {
  return new TrackwireError('fence_invalid', message, {
    details: position === undefined ? { path } : { path, position },
  })
}

/** A position as messages show it: `[-8.61, 41.15]`. */
export function showPosition([lng, lat]: readonly [number, number]): string {
  return `[${lng}, ${lat}]`
}
