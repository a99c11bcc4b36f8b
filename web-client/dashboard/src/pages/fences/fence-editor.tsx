import { useState } from 'react'
import type { FenceFeature } from '../../../../../contract/index.ts'
import { useConsole } from '../../hooks/live-context.ts'
import { ApiError } from '../../live/api.ts'
import { Icon } from '../../panels/icons.tsx'
import { ConfirmButton } from '../parts/confirm-button.tsx'
import { NumberField, SelectField, TextField } from '../parts/field.tsx'
import { Failure } from '../parts/list-state.tsx'
import { useTask } from '../parts/use-task.ts'
import { CoordinateList } from './coordinate-list.tsx'
import { type Fault, faultAt, faultsOf } from './draft-faults.ts'
import {
  type FenceDraft,
  featureOf,
  type Position,
  type Shape,
  widthMeters,
  withProperty,
  withShape,
  withWidth,
} from './fence-draft.ts'
import { FencePreview } from './fence-preview.tsx'
import { FenceRules } from './fence-rules.tsx'
import type { DraftHistory } from './use-draft.ts'

const SHAPES: readonly (readonly [Shape, string])[] = [
  ['polygon', 'Polygon'],
  ['circle', 'Circle'],
  ['corridor', 'Corridor'],
]
const HOW: Readonly<Record<Shape, string>> = {
  polygon: 'Click the corners on the map; click the first one again to finish.',
  circle: 'Click the centre on the map, then drag the edge.',
  corridor: 'Click along the way; click the last point again to finish.',
}

interface Props {
  readonly draft: FenceDraft
  readonly history: DraftHistory
  readonly drawing: boolean
  readonly chosen: number | null
  onChoose(index: number | null): void
  onDrawing(drawing: boolean): void
  onClose(): void
  middle(): Position | null
}

/** The form of a fence, beside the map that draws it. */
export function FenceEditor({ draft, history, drawing, chosen, onChoose, onDrawing, onClose, middle }: Props) {
  const { live } = useConsole()
  const { change, changed, undo } = history
  const task = useTask()
  /** What is not filled in yet is no fault before somebody wants to save it. */
  const [tried, setTried] = useState(false)
  const [refusal, setRefusal] = useState<{ readonly of: FenceDraft; readonly fault: Fault } | null>(null)
  const own = faultsOf(draft)
  const crossing = own.filter(({ path }) => path.startsWith('/geometry/'))
  const faults = [...(tried ? own : crossing), ...(refusal?.of === draft ? [refusal.fault] : [])]
  const width = widthMeters(draft)
  const elsewhere = task.error !== null && refusal?.of !== draft ? task.error : null

  const save = async (): Promise<void> => {
    setTried(true)
    onDrawing(false)
    const feature = featureOf(draft)
    if (own.length > 0 || feature === null) return
    setRefusal(null)
    const saved = await task.run(async () => {
      const path = draft.id === null ? '/fences' : `/fences/${encodeURIComponent(draft.id)}`
      try {
        const fence = await live.request<FenceFeature>(path, {
          method: draft.id === null ? 'POST' : 'PUT',
          body: feature,
        })
        live.fences.set(known => new Map(known).set(fence.id, fence))
        live.notify('info', `${fence.properties.name ?? 'The fence'} is saved. It counts from now on.`)
      } catch (error) {
        if (error instanceof ApiError && error.path !== null) {
          setRefusal({ of: draft, fault: { path: error.path, message: error.message } })
        }
        throw error
      }
    })
    if (saved) onClose()
  }

  const remove = async (): Promise<void> => {
    await live.request(`/fences/${encodeURIComponent(draft.id!)}`, { method: 'DELETE' })
    live.fences.set(known => new Map([...known].filter(([id]) => id !== draft.id)))
    onClose()
  }

  return (
    <>
      <header className="workbench__head">
        <button className="icon-button" type="button" aria-label="Back to the list" title="Back" onClick={onClose}>
          <Icon name="back" />
        </button>
        <h2 tabIndex={-1}>{draft.id === null ? 'New fence' : (draft.properties.name ?? draft.id)}</h2>
        <button className="button button--small" type="button" disabled={undo === null} onClick={() => undo?.()}>
          Undo
        </button>
      </header>
      <div className="workbench__body">
        <TextField
          label="Name"
          value={draft.properties.name}
          maxLength={200}
          error={faultAt(faults, '/properties/name')}
          onChange={name => change(withProperty(draft, 'name', name), 'property-name')}
        />
        {draft.fixed !== null ? (
          <p className="entry__hint">
            It has several parts. Its rules can be changed here; its shape comes from a file.
          </p>
        ) : (
          <>
            <div className="form__row">
              <SelectField
                label="Shape"
                value={draft.shape}
                options={SHAPES}
                onChange={shape => change(withShape(draft, shape))}
              />
              {draft.shape !== 'polygon' && (
                <NumberField
                  label={draft.shape === 'circle' ? 'Radius' : 'To either side'}
                  unit="m"
                  min={1}
                  value={width ?? undefined}
                  error={faultAt(faults, draft.shape === 'circle' ? '/properties/radius' : '/properties/buffer')}
                  onChange={meters => change(withWidth(draft, meters), 'width')}
                />
              )}
            </div>
            <div className="drawing-hint" data-drawing={drawing || undefined}>
              <p>{drawing ? HOW[draft.shape] : 'Drag points on the map to move them, the small ones to add some.'}</p>
              <button
                className="button button--small"
                type="button"
                aria-pressed={drawing}
                onClick={() => onDrawing(!drawing)}
              >
                {drawing ? 'Finish' : 'Add points'}
              </button>
            </div>
            {faultAt(faults, '/geometry') !== null && (
              <p className="entry__error" role="alert">
                {faultAt(faults, '/geometry')}
              </p>
            )}
            <details className="fold">
              <summary>Coordinates ({draft.points.length})</summary>
              <CoordinateList draft={draft} chosen={chosen} onChange={change} onChoose={onChoose} middle={middle} />
            </details>
          </>
        )}
        <FenceRules draft={draft} faults={faults} onChange={change} />
        <FencePreview draft={draft} />
      </div>
      <footer className="workbench__foot">
        {elsewhere !== null && <Failure error={elsewhere} />}
        {faults.length > 0 && elsewhere === null && (
          <p className="entry__error" role="alert">
            {faults[0]!.message}
          </p>
        )}
        <div className="workbench__actions">
          {draft.id !== null && (
            <ConfirmButton label="Delete" title="Delete this fence?" small={false} onConfirm={remove}>
              <p>
                {draft.properties.name ?? draft.id} is gone at once. Nothing is announced of devices that are inside;
                what was announced stays.
              </p>
            </ConfirmButton>
          )}
          <span className="top__gap" />
          <button className="button" type="button" onClick={onClose}>
            {changed ? 'Discard' : 'Close'}
          </button>
          <button className="button button--primary" type="button" disabled={task.busy} onClick={save}>
            {task.busy ? 'Saving…' : 'Save'}
          </button>
        </div>
      </footer>
    </>
  )
}
