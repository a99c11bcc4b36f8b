import type { ReactNode } from 'react'
import { useFleet } from '../hooks/live-context.ts'
import { useMapHandle } from '../map/map-context.ts'
import { Icon } from './icons.tsx'

export function MapControls() {
  const { selection } = useFleet()
  return (
    <MapToolbar>
      <button
        className="icon-button"
        type="button"
        aria-label="Show all devices"
        title="Show all devices"
        onClick={selection.fitFleet}
      >
        <Icon name="fit" />
      </button>
    </MapToolbar>
  )
}

/** Nearer and farther; what else a map offers stands below. */
export function MapToolbar({ children }: { readonly children?: ReactNode }) {
  const { map } = useMapHandle()
  return (
    <div className="map-controls" role="toolbar" aria-label="Map" aria-orientation="vertical">
      <button className="icon-button" type="button" aria-label="Zoom in" title="Zoom in" onClick={() => map.zoomIn()}>
        <Icon name="plus" />
      </button>
      <button
        className="icon-button"
        type="button"
        aria-label="Zoom out"
        title="Zoom out"
        onClick={() => map.zoomOut()}
      >
        <Icon name="minus" />
      </button>
      {children}
    </div>
  )
}
