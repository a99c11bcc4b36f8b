import { useEffect, useRef, useState } from 'react'
import type { FenceFeature } from '../../../../../contract/index.ts'
import { useConsole } from '../../hooks/live-context.ts'
import { useStore } from '../../hooks/use-store.ts'
import { fenceOutline } from '../../map/fence-outline.ts'
import { type MapHandle, useMapHandle } from '../../map/map-context.ts'
import { FitTo, type Sight } from '../parts/fit-to.tsx'
import { FleetMap } from '../parts/fleet-map.tsx'
import { DraftLayer } from './draft-layer.tsx'
import { draftOf, newDraft, type Position, type Shape } from './fence-draft.ts'
import { FenceEditor } from './fence-editor.tsx'
import { FenceImport } from './fence-import.tsx'
import { FenceList } from './fence-list.tsx'
import { useDraft } from './use-draft.ts'
import '../parts/workbench.css'
import './fences.css'

/** Fences by list and by map; one of them, or a new one, under the pen. */
export default function FencesPage() {
  const { live } = useConsole()
  const fences = useStore(live.fences)
  const history = useDraft()
  const { draft, open } = history
  const [drawing, setDrawing] = useState(false)
  const [chosen, setChosen] = useState<number | null>(null)
  const [importing, setImporting] = useState(false)
  const [sight, setSight] = useState<Sight | null>(null)
  const map = useRef<MapHandle | null>(null)
  const hasFences = fences.size > 0

  const openFence = (fence: FenceFeature): void => {
    open(draftOf(fence))
    setDrawing(false)
    setChosen(null)
    setSight({ positions: positionsOf(fence) })
  }
  const openNew = (shape: Shape): void => {
    open(newDraft(shape))
    setDrawing(true)
    setChosen(null)
  }
  const middle = (): Position | null => {
    const centre = map.current?.map.getCenter()
    return centre === undefined ? null : [centre.lng, centre.lat]
  }

  // At first all fences are seen, else the fleet.
  useEffect(() => {
    if (hasFences) return setSight({ positions: [...live.fences.get().values()].flatMap(positionsOf) })
    const fit = (): void => {
      const positions = [...live.devices.get().values()].flatMap(({ fix }): Position[] =>
        fix === null ? [] : [[fix.location.lng, fix.location.lat]],
      )
      if (positions.length === 0) return
      setSight({ positions })
      unsubscribe()
    }
    const unsubscribe = live.devices.subscribe(fit)
    fit()
    return unsubscribe
  }, [hasFences, live])

  return (
    <div className="workbench">
      <section className="workbench__panel">
        {draft === null ? (
          <FenceList
            fences={[...fences.values()]}
            onOpen={openFence}
            onNew={openNew}
            onImport={() => setImporting(true)}
          />
        ) : (
          <FenceEditor
            draft={draft}
            history={history}
            drawing={drawing}
            chosen={chosen}
            onChoose={setChosen}
            onDrawing={setDrawing}
            onClose={() => open(null)}
            middle={middle}
          />
        )}
      </section>
      <div className="workbench__map">
        <FleetMap label="Map of the fences">
          {draft !== null && (
            <DraftLayer
              draft={draft}
              drawing={drawing}
              chosen={chosen}
              onChange={history.change}
              onChoose={setChosen}
              onDrawn={() => setDrawing(false)}
            />
          )}
          <FitTo sight={sight} />
          <KeepHandle keep={map} />
        </FleetMap>
      </div>
      {importing && (
        <FenceImport
          onClose={() => setImporting(false)}
          onImported={positions => {
            setImporting(false)
            setSight({ positions })
          }}
        />
      )}
    </div>
  )
}

function positionsOf(fence: FenceFeature): Position[] {
  const outline = fenceOutline(fence)
  if (outline === null) return []
  return outline.coordinates.flat(outline.type === 'Polygon' ? 1 : 2) as unknown as Position[]
}

/** For what stands outside of the map and asks where it looks. */
function KeepHandle({ keep }: { readonly keep: { current: MapHandle | null } }) {
  const handle = useMapHandle()
  useEffect(() => {
    keep.current = handle
    return () => {
      keep.current = null
    }
  }, [handle, keep])
  return null
}
