import { Marker } from 'maplibre-gl'
import { useEffect } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import type { SosAlert } from '../live/sos.ts'
import { useMapHandle } from './map-context.ts'

/** A pulsing ring around everyone who has called for help, also where the device has no live position of its own. */
export function SosMarkers() {
  const { live, motion } = useConsole()
  const handle = useMapHandle()

  useEffect(() => {
    const markers = new Map<string, Marker>()
    const positionOf = ({ deviceId, location }: SosAlert): readonly [number, number] | null =>
      motion.positionOf(deviceId) ?? (location === undefined ? null : [location.lng, location.lat])

    const update = (): void => {
      const { open } = live.sos.get()
      for (const [alertId, marker] of markers) {
        if (open.has(alertId)) continue
        marker.remove()
        markers.delete(alertId)
      }
      for (const alert of open.values()) {
        const position = positionOf(alert)
        if (position === null) continue
        const marker = markers.get(alert.alertId) ?? new Marker({ element: ring() }).setLngLat([...position])
        marker.setLngLat([...position])
        marker.getElement().dataset.acknowledged = String(alert.acknowledged !== null)
        if (!markers.has(alert.alertId)) markers.set(alert.alertId, marker.addTo(handle.map))
      }
    }
    const unsubscribe = [live.sos.subscribe(update), motion.onFrame(update)]
    update()
    return () => {
      for (const stop of unsubscribe) stop()
      if (handle.alive()) for (const marker of markers.values()) marker.remove()
    }
  }, [live, motion, handle])
  return null
}

function ring(): HTMLElement {
  const element = document.createElement('div')
  element.className = 'sos-ring'
  element.ariaHidden = 'true'
  return element
}
