import { type ChangeEvent, useState } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Field, NumberField } from '../parts/field.tsx'
import { Failure } from '../parts/list-state.tsx'
import { useTask } from '../parts/use-task.ts'
import type { Position } from './fence-draft.ts'
import { type FenceFile, readFenceFile } from './read-fence-file.ts'
import { readKml } from './read-kml.ts'

const MOST_NAMED = 5

interface Props {
  onClose(): void
  /** They are stored; where they are. */
  onImported(positions: readonly Position[]): void
}

/** Fences from a GeoJSON or KML file: all of them, or none. */
export function FenceImport({ onClose, onImported }: Props) {
  const { live } = useConsole()
  const [text, setText] = useState<string | null>(null)
  const [radiusMeters, setRadius] = useState<number | undefined>(100)
  const [bufferMeters, setBuffer] = useState<number | undefined>(50)
  const task = useTask()
  const read =
    text === null ? null : tryRead(text, { radiusMeters: radiusMeters ?? 0, bufferMeters: bufferMeters ?? 0 })
  const file = read !== null && 'features' in read ? read : null
  const has = (type: string): boolean => file?.features.some(({ geometry }) => geometry.type === type) ?? false

  const onFile = async (event: ChangeEvent<HTMLInputElement>): Promise<void> => {
    task.clear()
    setText((await event.target.files?.[0]?.text()) ?? null)
  }
  const send = async (): Promise<void> => {
    const done = await task.run(async () => {
      const body = { type: 'FeatureCollection', features: file!.features }
      const { imported } = await live.request<{ imported: number }>('/fences/import', { method: 'POST', body })
      live.notify('info', `${imported} ${imported === 1 ? 'fence' : 'fences'} imported.`)
    })
    if (done) onImported(file!.features.flatMap(({ geometry }) => positionsIn(geometry.coordinates)))
  }

  return (
    <Dialog title="Import fences" onClose={onClose}>
      <Field label="File" hint="GeoJSON or KML. Fences with an id that is there already are replaced.">
        {bound => (
          <input
            {...bound}
            type="file"
            accept=".geojson,.json,.kml,application/geo+json,application/vnd.google-earth.kml+xml"
            onChange={onFile}
          />
        )}
      </Field>
      {read !== null && 'message' in read && <Failure error={read} />}
      {file !== null && (
        <>
          <p>
            <strong>{file.features.length}</strong> {file.features.length === 1 ? 'fence' : 'fences'}:{' '}
            {file.features
              .slice(0, MOST_NAMED)
              .map(({ id, properties }, i) => String(properties.name ?? id ?? `feature ${i + 1}`))
              .join(', ')}
            {file.features.length > MOST_NAMED && ', …'}
          </p>
          {file.leftOut.length > 0 && (
            <p className="entry__hint">
              Left out, because it is no area: {file.leftOut.slice(0, MOST_NAMED).join('; ')}
            </p>
          )}
          {(has('Point') || has('LineString')) && (
            <div className="form__row">
              {has('Point') && (
                <NumberField label="Radius of points" unit="m" min={1} value={radiusMeters} onChange={setRadius} />
              )}
              {has('LineString') && (
                <NumberField label="Lines, to either side" unit="m" min={1} value={bufferMeters} onChange={setBuffer} />
              )}
            </div>
          )}
        </>
      )}
      {task.error !== null && <Failure error={task.error} />}
      <div className="dialog__actions">
        <button className="button" type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          className="button button--primary"
          type="button"
          disabled={file === null || file.features.length === 0 || task.busy}
          onClick={send}
        >
          {task.busy ? 'Importing…' : 'Import'}
        </button>
      </div>
    </Dialog>
  )
}

function tryRead(text: string, widths: Parameters<typeof readFenceFile>[1]): FenceFile | Error {
  try {
    return readFenceFile(text, widths, readKml)
  } catch (error) {
    return error as Error
  }
}

/** All positions of whatever depth. */
function positionsIn(coordinates: unknown): Position[] {
  if (!Array.isArray(coordinates)) return []
  const [lng, lat] = coordinates
  return typeof lng === 'number' && typeof lat === 'number' ? [[lng, lat]] : coordinates.flatMap(positionsIn)
}
