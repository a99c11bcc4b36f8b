import type { DeviceStatus, LocationUpdate } from '../../contract/index.ts'
import type { Message } from './channels.ts'
import type { On } from './subscriptions.ts'

export interface DeviceView {
  readonly deviceId: string
  /** The newest fix; never one that is older than what was told before. */
  readonly fix: LocationUpdate | null
  readonly status: DeviceStatus | null
}

/** Follows one device. Returns what ends it. */
export function followDevice(on: On, deviceId: string, onChange: (view: DeviceView) => void): () => void {
  let view: DeviceView = { deviceId, fix: null, status: null }
  const tell = (change: Partial<DeviceView>): void => {
    view = { ...view, ...change }
    onChange(view)
  }
  const onFix = ({ payload }: Message<'last'> | Message<'location'>): void => {
    if (payload !== null && payload.timestamp > (view.fix?.timestamp ?? 0)) tell({ fix: payload })
  }
  const ends = [
    on('last', onFix, { deviceId }),
    on('location', onFix, { deviceId }),
    on('status', ({ payload }) => tell({ status: payload }), { deviceId }),
  ]
  return () => {
    for (const end of ends) end()
  }
}
