import { useConsole } from '../hooks/live-context.ts'
import { useHistory } from '../hooks/use-history.ts'
import { useCalmStore } from '../hooks/use-store.ts'
import { DeviceCard } from '../panels/device-card.tsx'
import { PageFrame } from './page-frame.tsx'
import type { PageProps } from './pages.ts'

/** All there is to know of one device. */
export default function DevicePage({ parameters }: PageProps) {
  const deviceId = parameters.deviceId!
  const { live } = useConsole()
  const device = useCalmStore(live.devices, 500).get(deviceId)
  const history = useHistory(live, deviceId)
  return (
    <PageFrame title={device?.name ?? deviceId}>
      {device === undefined ? (
        <p className="muted">No device of this name has reported, or you have no right to see it.</p>
      ) : (
        <DeviceCard deviceId={deviceId} history={history} />
      )}
    </PageFrame>
  )
}
