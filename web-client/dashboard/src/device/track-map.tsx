import type { LocationUpdate } from '../../../../contract/index.ts'
import { useConsole } from '../hooks/live-context.ts'
import { useSelected } from '../hooks/use-store.ts'
import { useShownTheme } from '../hooks/use-theme.ts'
import { BasemapLayer } from '../map/basemap-layer.tsx'
import { FenceLayer } from '../map/fence-layer.tsx'
import { GraticuleLayer } from '../map/graticule-layer.tsx'
import { MapView } from '../map/map-view.tsx'
import { TileLayer } from '../map/tile-layer.tsx'
import type { Playback } from './playback.ts'
import type { Stop } from './track.ts'
import { TrackCamera } from './track-camera.tsx'
import { TrackLayer } from './track-layer.tsx'

interface Props {
  readonly fixes: readonly LocationUpdate[]
  readonly stops: readonly Stop[]
  readonly playback: Playback
  readonly fitKey: unknown
}

export function TrackMap({ fixes, stops, playback, fitKey }: Props) {
  const { live } = useConsole()
  const theme = useShownTheme()
  const tileUrl = useSelected(live.config, config => config?.mapTileUrl ?? null)
  return (
    <MapView theme={theme} outdated={false} label="Map of the way">
      <BasemapLayer />
      {tileUrl !== null && <TileLayer url={tileUrl} />}
      <GraticuleLayer />
      <FenceLayer />
      <TrackLayer fixes={fixes} stops={stops} playback={playback} />
      <TrackCamera fixes={fixes} playback={playback} fitKey={fitKey} />
    </MapView>
  )
}
