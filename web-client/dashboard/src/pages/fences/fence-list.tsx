import { useMemo, useState } from 'react'
import type { FenceFeature } from '../../../../../contract/index.ts'
import { TextField } from '../parts/field.tsx'
import type { Shape } from './fence-draft.ts'

const KINDS: Readonly<Record<FenceFeature['geometry']['type'], string>> = {
  Polygon: 'Polygon',
  MultiPolygon: 'Several polygons',
  Point: 'Circle',
  LineString: 'Corridor',
}
const SHAPES: readonly (readonly [Shape, string])[] = [
  ['polygon', 'Polygon'],
  ['circle', 'Circle'],
  ['corridor', 'Corridor'],
]

interface Props {
  readonly fences: readonly FenceFeature[]
  onOpen(fence: FenceFeature): void
  onNew(shape: Shape): void
  onImport(): void
}

/** The fences by name, and the ways to a new one. */
export function FenceList({ fences, onOpen, onNew, onImport }: Props) {
  const [search, setSearch] = useState('')
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase()
    return fences
      .filter(({ id, properties }) => `${id} ${properties.name ?? ''}`.toLowerCase().includes(wanted))
      .sort((a, b) => nameOf(a).localeCompare(nameOf(b)))
  }, [fences, search])
  return (
    <>
      <header className="workbench__head">
        <h2 tabIndex={-1}>Fences</h2>
        <button className="button button--small" type="button" onClick={onImport}>
          Import…
        </button>
      </header>
      <div className="workbench__body">
        <fieldset className="form">
          <legend>Draw a new one</legend>
          <div className="form__buttons">
            {SHAPES.map(([shape, label]) => (
              <button key={shape} className="button" type="button" onClick={() => onNew(shape)}>
                <ShapeIcon shape={shape} />
                {label}
              </button>
            ))}
          </div>
        </fieldset>
        {fences.length === 0 ? (
          <p className="list-empty">There is no fence yet. Draw one, or import a GeoJSON or KML file.</p>
        ) : (
          <>
            <TextField
              label="Search"
              type="search"
              value={search}
              onChange={value => setSearch(value ?? '')}
              hint={shown.length === fences.length ? undefined : `${shown.length} of ${fences.length}`}
            />
            <ul className="rows" aria-label="Fences">
              {shown.map(fence => (
                <li key={fence.id}>
                  <button className="pick" type="button" onClick={() => onOpen(fence)}>
                    <span className="pick__name">{nameOf(fence)}</span>
                    <span className="pick__more">
                      {KINDS[fence.geometry.type]}
                      {fence.properties.severity !== undefined && ` · ${fence.properties.severity}`}
                      {fence.properties.schedule !== undefined && ' · at certain times'}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
            {shown.length === 0 && <p className="list-empty">No fence is called that.</p>}
          </>
        )}
      </div>
    </>
  )
}

export function nameOf({ id, properties }: FenceFeature): string {
  return properties.name ?? id
}

const OUTLINES: Readonly<Record<Shape, string>> = {
  polygon: 'M4 6.5 12.5 3.5 17 12 8 16.5z',
  circle: 'M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z',
  corridor: 'M3.5 14.5 8 7l4.5 5 4-7.5',
}

function ShapeIcon({ shape }: { readonly shape: Shape }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={OUTLINES[shape]} />
    </svg>
  )
}
