/** A feature as the platform's import takes it; it makes the id where there is none. */
export interface ImportedFeature {
  readonly type: 'Feature'
  readonly id?: string
  readonly geometry: { readonly type: string; readonly coordinates: unknown }
  readonly properties: Readonly<Record<string, unknown>>
}

/** What a file brings, and what of it is no fence. */
export interface FenceFile {
  readonly features: readonly ImportedFeature[]
  readonly leftOut: readonly string[]
}

/** What points and lines of a file become: it says nothing of how wide they are. */
export interface Widths {
  readonly radiusMeters: number
  readonly bufferMeters: number
}

const AREAS = ['Polygon', 'MultiPolygon', 'Point', 'LineString']

/**
 * @param readKml needs a browser, so it is handed in
 * @throws SyntaxError in a sentence for the person who chose the file
 */
export function readFenceFile(text: string, widths: Widths, readKml: (text: string) => Candidate[]): FenceFile {
  return collect(text.trimStart().startsWith('<') ? readKml(text) : readGeoJson(text), widths)
}

function readGeoJson(text: string): Candidate[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SyntaxError(`The file is neither GeoJSON nor KML: ${(cause as Error).message}`, { cause })
  }
  const { type, features } = (value ?? {}) as { type?: unknown; features?: unknown }
  const list = type === 'FeatureCollection' && Array.isArray(features) ? features : type === 'Feature' ? [value] : null
  if (list === null) throw new SyntaxError('The file holds no GeoJSON Feature and no FeatureCollection.')
  return list.map((feature, i) => {
    const { id, geometry, properties } = (feature ?? {}) as Partial<ImportedFeature>
    const name = properties?.name
    const title = typeof name === 'string' ? name : `feature ${i + 1}`
    return {
      title,
      id: id === undefined || id === null ? undefined : String(id),
      geometry,
      properties: properties ?? {},
    }
  })
}

/** One thing of a file that may be a fence. */
export interface Candidate {
  readonly title: string
  readonly id: string | undefined
  readonly geometry: ImportedFeature['geometry'] | undefined
  readonly properties: Readonly<Record<string, unknown>>
}

function collect(candidates: readonly Candidate[], { radiusMeters, bufferMeters }: Widths): FenceFile {
  const features: ImportedFeature[] = []
  const leftOut: string[] = []
  for (const { title, id, geometry, properties } of candidates) {
    if (geometry === undefined || geometry === null || !AREAS.includes(geometry.type)) {
      leftOut.push(`${title}: ${geometry?.type ?? 'no geometry'}`)
      continue
    }
    const width =
      geometry.type === 'Point' && properties.radius === undefined
        ? { radius: radiusMeters }
        : geometry.type === 'LineString' && properties.buffer === undefined
          ? { buffer: bufferMeters }
          : {}
    features.push({
      type: 'Feature',
      ...(id === undefined ? {} : { id }),
      geometry,
      properties: { ...properties, ...width },
    })
  }
  return { features, leftOut }
}
