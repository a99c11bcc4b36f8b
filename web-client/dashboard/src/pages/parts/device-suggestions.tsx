import { useConsole } from '../../hooks/live-context.ts'
import { useCalmStore } from '../../hooks/use-store.ts'

/** More would slow the browser's own list down, and nobody scrolls through them. */
const MOST = 500

/** The devices as suggestions for fields whose `list` names the id. */
export function DeviceSuggestions({ id }: { readonly id: string }) {
  const { live } = useConsole()
  const devices = useCalmStore(live.devices, 5_000)
  return (
    <datalist id={id}>
      {[...devices.values()].slice(0, MOST).map(device => (
        <option key={device.id} value={device.id}>
          {device.name}
        </option>
      ))}
    </datalist>
  )
}
