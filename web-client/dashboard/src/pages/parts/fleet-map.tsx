import type { ReactNode } from 'react'
import { useConsole } from '../../hooks/live-context.ts'
import { useSelected } from '../../hooks/use-store.ts'
import { useShownTheme } from '../../hooks/use-theme.ts'
import { BasemapLayer } from '../../map/basemap-layer.tsx'
import { DeviceLayer } from '../../map/device-layer.tsx'
import { FenceLayer } from '../../map/fence-layer.tsx'
import { GraticuleLayer } from '../../map/graticule-layer.tsx'
import { MapView } from '../../map/map-view.tsx'
import { TileLayer } from '../../map/tile-layer.tsx'
import { MapToolbar } from '../../panels/map-controls.tsx'

/** The live map as the background of another task: fences and devices, and what the page draws over them. */
export function FleetMap({ label, children }: { readonly label: string; readonly children?: ReactNode }) {
  const { live } = useConsole()
  const theme = useShownTheme()
  const phase = useSelected(live.connection.store, state => state.phase)
  const tooFarBehind = useSelected(live.delay, delay => delay.tooFar)
  const tileUrl = useSelected(live.config, config => config?.mapTileUrl ?? null)
  return (
    <MapView theme={theme} outdated={phase === 'offline' || tooFarBehind} label={label}>
      <BasemapLayer />
      {tileUrl !== null && <TileLayer url={tileUrl} />}
      <GraticuleLayer />
      <FenceLayer />
      <DeviceLayer />
      <MapToolbar />
      {children}
    </MapView>
  )
}
