import { useEffect } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useHistory } from '../hooks/use-history.ts'
import { useMedia } from '../hooks/use-media.ts'
import { useSelected } from '../hooks/use-store.ts'
import { useShownTheme } from '../hooks/use-theme.ts'
import { BasemapLayer } from '../map/basemap-layer.tsx'
import { Camera } from '../map/camera.tsx'
import { DeviceLayer } from '../map/device-layer.tsx'
import { FenceLayer } from '../map/fence-layer.tsx'
import { GraticuleLayer } from '../map/graticule-layer.tsx'
import { MapView } from '../map/map-view.tsx'
import { SosMarkers } from '../map/sos-markers.tsx'
import { TileLayer } from '../map/tile-layer.tsx'
import { TrailLayer } from '../map/trail-layer.tsx'
import { AlertList } from '../panels/alert-list.tsx'
import { DeviceCard } from '../panels/device-card.tsx'
import { DeviceList } from '../panels/device-list.tsx'
import { MapControls } from '../panels/map-controls.tsx'
import { Sheet } from '../panels/sheet.tsx'
import { UnknownDeviceList } from '../panels/unknown-devices.tsx'

/** What the panels cover of the map, in pixels; see `--side` in `styles/tokens.css`. */
const DESKTOP_PADDING = { top: 16, bottom: 16, left: 360, right: 412 }
const PHONE_PADDING = { top: 16, bottom: 300, left: 0, right: 44 }

/** The live map, and the lists beside it. */
export default function MapPage() {
  const { live, selection } = useConsole()
  const theme = useShownTheme()
  const selectedId = useSelected(selection.store, state => state.deviceId)
  const phase = useSelected(live.connection.store, state => state.phase)
  const tooFarBehind = useSelected(live.delay, delay => delay.tooFar)
  const tileUrl = useSelected(live.config, config => config?.mapTileUrl ?? null)
  const hasUnknown = useSelected(live.unknownDevices.store, list => list.length > 0)
  const history = useHistory(live, selectedId)
  const phone = useMedia('(max-width: 760px)')
  useEscape(() => selection.select(null))

  const card = selectedId === null ? null : <DeviceCard deviceId={selectedId} history={history} />
  return (
    <>
      <MapView theme={theme} outdated={phase === 'offline' || tooFarBehind} label="Live map of the fleet">
        <BasemapLayer />
        {tileUrl !== null && <TileLayer url={tileUrl} />}
        <GraticuleLayer />
        <FenceLayer />
        <TrailLayer recent={history.fixes} />
        <DeviceLayer />
        <SosMarkers />
        <Camera padding={phone ? PHONE_PADDING : DESKTOP_PADDING} />
        <MapControls />
      </MapView>
      {phone ? (
        <Sheet
          card={card}
          tabs={[
            { id: 'devices', label: 'Devices', content: <DeviceList /> },
            { id: 'alerts', label: 'Alerts', content: <AlertList /> },
            ...(hasUnknown ? [{ id: 'unknown', label: 'New', content: <UnknownDeviceList /> }] : []),
          ]}
        />
      ) : (
        <>
          <aside className="side side--left" aria-label="Fleet">
            <DeviceList />
            <UnknownDeviceList />
          </aside>
          <aside className="side side--right" aria-label="Events">
            {card}
            <AlertList />
          </aside>
        </>
      )}
    </>
  )
}

function useEscape(run: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !event.defaultPrevented) run()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
}
