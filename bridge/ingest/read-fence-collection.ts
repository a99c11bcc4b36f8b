import { randomUUID } from 'node:crypto'
import { type FenceFeature, TrackwireError } from '../../contract/index.ts'
import { readFence } from '../../geofence-engine/index.ts'
import { inSlices } from './slices.ts'

/**
 * Reads a GeoJSON FeatureCollection of fences; one without an id gets one. The event loop gets its turns.
 * @throws TrackwireError fence_invalid with `details.index` of the feature, beside what {@link readFence} tells
 */
export async function readFenceCollection(value: unknown): Promise<FenceFeature[]> {
  const collection = value as { type?: unknown; features?: unknown } | null | undefined
  if (collection?.type !== 'FeatureCollection' || !Array.isArray(collection.features)) {
    throw new TrackwireError('fence_invalid', 'send a GeoJSON FeatureCollection with an array of features')
  }
  const fences: FenceFeature[] = []
  const indexById = new Map<string, number>()
  await inSlices(collection.features.entries(), ([index, feature]) => {
    const fence = readOneOf(feature, index)
    const earlier = indexById.get(fence.id)
    if (earlier !== undefined) throw faultAt(index, `its id ${fence.id} is that of feature ${earlier} too`)
    indexById.set(fence.id, index)
    fences.push(fence)
  })
  return fences
}

/** The value with an id where it has none; what is no object at all is left for `readFence` to refuse. */
export function withFenceId(value: unknown, id?: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const feature = value as Record<string, unknown>
  return feature.id === undefined || feature.id === null ? { ...feature, id: id ?? randomUUID() } : feature
}

function readOneOf(feature: unknown, index: number): FenceFeature {
  try {
    return readFence(withFenceId(feature ?? null))
  } catch (cause) {
    if (!(cause instanceof TrackwireError)) throw cause
    throw faultAt(index, cause.message, cause)
  }
}

function faultAt(index: number, message: string, cause?: TrackwireError): TrackwireError {
  return new TrackwireError('fence_invalid', `feature ${index}: ${message}`, {
    cause,
    details: { ...cause?.details, index },
  })
}
