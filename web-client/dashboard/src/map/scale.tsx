import { ScaleControl } from 'maplibre-gl'
import { useEffect } from 'react'
import { useUnits } from '../hooks/use-units.ts'
import { useMapHandle } from './map-context.ts'

/** How long a way is, in the units of this browser. */
export function Scale() {
  const handle = useMapHandle()
  const { units } = useUnits()
  useEffect(() => {
    const control = new ScaleControl({ maxWidth: 110, unit: units })
    handle.map.addControl(control, 'bottom-left')
    return () => {
      if (handle.alive()) handle.map.removeControl(control)
    }
  }, [handle, units])
  return null
}
