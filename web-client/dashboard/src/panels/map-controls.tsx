import { useFleet } from '../hooks/live-context.ts'
import { useMapHandle } from '../map/map-context.ts'
import { Icon } from './icons.tsx'

export function MapControls() {
  const { map } = useMapHandle()
  const { selection } = useFleet()
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
      <button
        className="icon-button"
        type="button"
        aria-label="Show all devices"
        title="Show all devices"
        onClick={selection.fitFleet}
      >
        <Icon name="fit" />
      </button>
    </div>
  )
}
