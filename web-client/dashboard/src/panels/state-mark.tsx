import type { DeviceState } from '../live/devices.ts'

interface Props {
  readonly state: DeviceState
  readonly sos: boolean
  /** Degrees clockwise from north, when known. */
  readonly heading: number | undefined
}

/** The marker of the map, small: the same shape and colour mean the same in the list. */
export function StateMark({ state, sos, heading }: Props) {
  const tone = sos ? 'sos' : state === 'moving' || state === 'stopped' ? state : 'offline'
  const arrow = state === 'moving' && heading !== undefined
  return (
    <svg className="mark" data-tone={tone} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {arrow ? (
        <path d="M10 2.5l5.5 14L10 13.4 4.5 16.5z" transform={`rotate(${heading} 10 10)`} />
      ) : (
        <circle cx="10" cy="10" r={tone === 'offline' ? 4.5 : 5.2} data-hollow={tone === 'offline' || undefined} />
      )}
    </svg>
  )
}
