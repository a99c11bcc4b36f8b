import { AttributionControl, Map as MapLibreMap, setWorkerCount, setWorkerUrl } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import 'maplibre-gl/dist/maplibre-gl.css'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { baseStyle } from './base-style.ts'
import { MapContext, type MapHandle } from './map-context.ts'
import type { Theme } from './palette.ts'
import { Scale } from './scale.tsx'
import { drawSprites } from './sprites.ts'

setWorkerUrl(workerUrl)
// Two at least, on a small machine too: unpacking the basemap shall not hold up the fleet.
setWorkerCount(Math.max(2, Math.min(4, Math.floor(navigator.hardwareConcurrency / 2))))

interface Props {
  readonly theme: Theme
  /** Shown greyed, because it may be old. */
  readonly outdated: boolean
  readonly label: string
  readonly children: ReactNode
}

/** The map itself. Its children are layers: they add, update and remove themselves. */
export function MapView({ theme, outdated, label, children }: Props) {
  const container = useRef<HTMLDivElement>(null)
  const themeNow = useRef(theme)
  const [handle, setHandle] = useState<MapHandle | null>(null)
  const [fault, setFault] = useState<string | null>(null)

  useEffect(() => {
    let alive = true
    let map: MapLibreMap
    try {
      map = new MapLibreMap({
        container: container.current!,
        style: baseStyle(themeNow.current),
        center: [0, 25],
        zoom: 1.4,
        attributionControl: false,
        dragRotate: false,
        pitchWithRotate: false,
        fadeDuration: 0,
        maxZoom: 19,
      })
    } catch (error) {
      setFault((error as Error).message)
      return
    }
    map.touchZoomRotate.disableRotation()
    map.keyboard.disableRotation()
    map.getCanvas().setAttribute('aria-label', label)
    map.addControl(
      new AttributionControl({ compact: false, customAttribution: 'Natural Earth, coast ± 1 km' }),
      'bottom-left',
    )
    drawSprites(map, () => themeNow.current)
    map.once('style.load', () => {
      if (alive) setHandle({ map, theme: () => themeNow.current, alive: () => alive })
    })
    return () => {
      alive = false
      setHandle(null)
      map.remove()
    }
  }, [label])

  useEffect(() => {
    if (handle === null || themeNow.current === theme) return
    themeNow.current = theme
    handle.map.setStyle(baseStyle(theme), { diff: false })
  }, [handle, theme])

  return (
    <div className="map" data-outdated={outdated || undefined}>
      <div className="map__canvas" ref={container} />
      {fault !== null && (
        <div className="map__fault" role="alert">
          <strong>The map cannot be drawn in this browser.</strong>
          <p>
            It needs WebGL 2, which is switched off or missing here. Devices, alerts and SOS work in the lists beside
            it.
          </p>
        </div>
      )}
      {handle !== null && (
        <MapContext value={handle}>
          <Scale />
          {children}
        </MapContext>
      )}
    </div>
  )
}
