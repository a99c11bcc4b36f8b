import { type FormEvent, useState } from 'react'
import type { FenceFeature } from '../../../../../contract/index.ts'
import { useConsole } from '../../hooks/live-context.ts'
import { useStore } from '../../hooks/use-store.ts'
import { ApiError } from '../../live/api.ts'
import { fenceOutline } from '../../map/fence-outline.ts'
import { DeviceSuggestions } from '../parts/device-suggestions.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { CheckField, IdsField, idsOf, NumberField, SelectField, TextField } from '../parts/field.tsx'
import { Failure } from '../parts/list-state.tsx'
import { SecretOnce } from '../parts/secret-once.tsx'
import { TimeField } from '../parts/time-field.tsx'
import { useTask } from '../parts/use-task.ts'

const TWO_HOURS_MS = 2 * 3_600_000
/** What an area may have, all vertices together. */
const MOST_VERTICES = 200

/** Makes a link that shows some devices for some time; its address is shown once. */
export function ShareForm({ onClose, onMade }: { onClose(): void; onMade(): void }) {
  const { live } = useConsole()
  const fences = useStore(live.fences)
  const [devices, setDevices] = useState('')
  const [label, setLabel] = useState<string>()
  const [from, setFrom] = useState<number>()
  const [until, setUntil] = useState<number | undefined>(() => live.now() + TWO_HOURS_MS)
  const [history, setHistory] = useState(false)
  const [areaOf, setAreaOf] = useState('')
  const [precisionMeters, setPrecision] = useState<number>()
  const [maxViews, setMaxViews] = useState<number>()
  const [url, setUrl] = useState<string | null>(null)
  const task = useTask()
  const path = task.error instanceof ApiError ? task.error.path : null
  const errorAt = (field: string): string | null => (path?.startsWith(field) ? (task.error?.message ?? null) : null)
  const areas = [...fences.values()].flatMap(fence => {
    const area = areaOfFence(fence)
    return area === null ? [] : [{ id: fence.id, name: fence.properties.name ?? fence.id, area }]
  })

  const make = (event: FormEvent): void => {
    event.preventDefault()
    task.run(async () => {
      const area = areas.find(({ id }) => id === areaOf)?.area
      const body = {
        devices: idsOf(devices),
        until,
        history,
        ...(label !== undefined && { label }),
        ...(from !== undefined && { from }),
        ...(area !== undefined && { area }),
        ...(precisionMeters !== undefined && { precisionMeters }),
        ...(maxViews !== undefined && { maxViews }),
      }
      const made = await live.request<{ url: string }>('/share-links', { method: 'POST', body })
      setUrl(made.url)
      onMade()
    })
  }

  if (url !== null) {
    return (
      <Dialog title="The link is made" onClose={onClose}>
        <SecretOnce label="Send it to whoever shall see it." secret={url} />
        <p className="muted">Whoever has it can open it, so treat it like a key. It can be revoked at any time.</p>
        <div className="dialog__actions">
          <button className="button button--primary" type="button" onClick={onClose}>
            Done
          </button>
        </div>
      </Dialog>
    )
  }
  return (
    <Dialog title="Share a position" onClose={onClose}>
      <form className="form" onSubmit={make}>
        <IdsField
          label="Devices"
          hint="Ids parted by commas."
          list="share-devices"
          value={devices}
          error={errorAt('/devices')}
          onChange={setDevices}
        />
        <DeviceSuggestions id="share-devices" />
        <TextField
          label="Headline of the page"
          value={label}
          maxLength={100}
          placeholder="e.g. Your parcel"
          error={errorAt('/label')}
          onChange={setLabel}
        />
        <div className="form__row">
          <TimeField label="From (empty: now)" value={from} error={errorAt('/from')} onChange={setFrom} />
          <TimeField label="Until" value={until} error={errorAt('/until')} onChange={setUntil} />
        </div>
        <SelectField
          label="Only inside of a fence"
          value={areaOf}
          options={[['', 'Everywhere'], ...areas.map(({ id, name }) => [id, name] as const)]}
          error={errorAt('/area')}
          onChange={setAreaOf}
        />
        <div className="form__row">
          <NumberField
            label="Rounded to"
            unit="m"
            min={1}
            max={100_000}
            placeholder="exact"
            value={precisionMeters}
            error={errorAt('/precisionMeters')}
            onChange={setPrecision}
          />
          <NumberField
            label="May be opened"
            unit="times"
            min={1}
            step={1}
            placeholder="no limit"
            value={maxViews}
            error={errorAt('/maxViews')}
            onChange={setMaxViews}
          />
        </div>
        <CheckField label="Also where they have been since then" checked={history} onChange={setHistory} />
        {task.error !== null && (path === null || !KNOWN_FIELDS.test(path)) && <Failure error={task.error} />}
        <div className="dialog__actions">
          <button className="button" type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            className="button button--primary"
            type="submit"
            disabled={task.busy || idsOf(devices).length === 0 || until === undefined}
          >
            Make the link
          </button>
        </div>
      </form>
    </Dialog>
  )
}

const KNOWN_FIELDS = /^\/(devices|label|from|until|area|precisionMeters|maxViews)/

/** A share link takes one polygon that is not too long. */
function areaOfFence(fence: FenceFeature): GeoJSON.Polygon | null {
  const outline = fenceOutline(fence)
  if (outline?.type !== 'Polygon') return null
  const vertices = outline.coordinates.reduce((sum, ring) => sum + ring.length, 0)
  if (vertices > MOST_VERTICES) return null
  return { type: 'Polygon', coordinates: outline.coordinates.map(ring => ring.map(([lng, lat]) => [lng!, lat!])) }
}
