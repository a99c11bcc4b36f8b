import { useEffect, useMemo, useState } from 'react'
import { type Fleet, FleetContext } from '../hooks/live-context.ts'
import { useMedia } from '../hooks/use-media.ts'
import { useSelected, useStore } from '../hooks/use-store.ts'
import type { Connection } from '../live/connection.ts'
import { createSelection } from '../live/selection.ts'
import { BasemapLayer } from '../map/basemap-layer.tsx'
import { Camera } from '../map/camera.tsx'
import { DeviceLayer } from '../map/device-layer.tsx'
import { startFleetMotion } from '../map/fleet-motion.ts'
import { GraticuleLayer } from '../map/graticule-layer.tsx'
import { MapView } from '../map/map-view.tsx'
import type { Theme } from '../map/palette.ts'
import { TileLayer } from '../map/tile-layer.tsx'
import { TrailLayer } from '../map/trail-layer.tsx'
import { MapControls } from '../panels/map-controls.tsx'
import type { Shared } from './opened-link.ts'
import { PrecisionLayer } from './precision-layer.tsx'
import { ShareList } from './share-list.tsx'
import { exposeShareSnapshot } from './share-snapshot.ts'
import type { Viewing } from './viewing.ts'

/** What the list covers of the map, in pixels. */
const DESKTOP_PADDING = { top: 16, bottom: 16, left: 330, right: 44 }
const PHONE_PADDING = { top: 16, bottom: 190, left: 0, right: 44 }

interface Props {
  readonly viewing: Viewing
  readonly shared: Shared
  readonly theme: Theme
}

/** What an open link shows: the map, and the same in words. */
export default function ShareMap({ viewing, shared, theme }: Props) {
  const only = shared.devices.length === 1 ? shared.devices[0]!.id : null
  const fleet = useFleetOf(viewing, only)
  const connection = useStore(viewing.connection)
  if (fleet === null || connection === null) return null
  return (
    <FleetContext value={fleet}>
      <OpenMap fleet={fleet} connection={connection} viewing={viewing} shared={shared} theme={theme} />
    </FleetContext>
  )
}

/** The parts of the map that live as long as the page shows it. */
function useFleetOf(viewing: Viewing, only: string | null): Fleet | null {
  const [fleet, setFleet] = useState<Fleet | null>(null)
  useEffect(() => {
    const motion = startFleetMotion(viewing.devices, matchMedia('(prefers-reduced-motion: reduce)'), () => undefined)
    const selection = createSelection()
    if (only !== null) {
      // Whoever waits for one vehicle wants to see it, wherever it goes; dragging the map ends that.
      selection.select(only)
      selection.setFollow(true)
    }
    setFleet({ live: viewing, selection, motion })
    exposeShareSnapshot(viewing, () => motion)
    return () => {
      exposeShareSnapshot(viewing, () => null)
      motion.close()
      setFleet(null)
    }
  }, [viewing, only])
  return fleet
}

function OpenMap({ fleet, connection, viewing, shared, theme }: Props & { fleet: Fleet; connection: Connection }) {
  const offline = useSelected(connection.store, ({ phase }) => phase === 'offline')
  const selectedId = useSelected(fleet.selection.store, ({ deviceId }) => deviceId)
  const past = useStore(viewing.past)
  const tileUrl = useStore(viewing.tileUrl)
  const phone = useMedia('(max-width: 760px)')
  const { precisionMeters } = shared
  const rounded = precisionMeters !== null
  const recent = useMemo(() => past.get(selectedId ?? '') ?? [], [past, selectedId])
  return (
    <>
      <MapView theme={theme} outdated={offline} label="Map of the shared positions">
        <BasemapLayer />
        {tileUrl !== null && <TileLayer url={tileUrl} />}
        <GraticuleLayer />
        {/* Between rounded positions a line would be made up. */}
        {rounded ? <PrecisionLayer /> : <TrailLayer recent={recent} />}
        <DeviceLayer />
        <Camera
          padding={phone ? PHONE_PADDING : DESKTOP_PADDING}
          {...(rounded && { fitZoom: zoomOf(precisionMeters) })}
        />
        <MapControls />
      </MapView>
      <ShareList viewing={viewing} shared={shared} offline={offline} />
    </>
  )
}

/** The zoom at which the circle of a rounded position is about a quarter of a phone wide. */
function zoomOf(precisionMeters: number): number {
  return Math.min(15, Math.max(2, Math.log2(6_000_000 / precisionMeters)))
}
