import { useEffect, useMemo, useState } from 'react'
import { CommandPanel } from '../device/command-panel.tsx'
import { DeviceAlerts } from '../device/device-alerts.tsx'
import { createPlayback } from '../device/playback.ts'
import { PlaybackBar } from '../device/playback-bar.tsx'
import { Plots } from '../device/plots.tsx'
import { RawPanel } from '../device/raw-panel.tsx'
import { stopsBetween } from '../device/track.ts'
import { TrackMap } from '../device/track-map.tsx'
import { TripList } from '../device/trip-list.tsx'
import { isSimplified, SIMPLIFIED_METERS, useTrack } from '../device/use-track.ts'
import { lastHours, WindowChoice } from '../device/window-choice.tsx'
import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore, useSelected } from '../hooks/use-store.ts'
import { type Device, stateOf } from '../live/devices.ts'
import { durationText } from '../live/time-text.ts'
import { DeviceFacts } from '../panels/device-facts.tsx'
import { STATE_TEXT } from '../panels/device-text.ts'
import { Icon } from '../panels/icons.tsx'
import { StateMark } from '../panels/state-mark.tsx'
import { PageFrame } from './page-frame.tsx'
import type { PageProps } from './pages.ts'
import { href } from './path.ts'

/** All there is to know of one device. */
export default function DevicePage({ parameters }: PageProps) {
  const deviceId = parameters.deviceId!
  const { live, selection } = useConsole()
  const device = useCalmStore(live.devices, 500).get(deviceId)
  const known = useSelected(live.connection.store, ({ phase }) => phase !== 'connecting')
  if (device === undefined) {
    return (
      <PageFrame title={deviceId}>
        <p className="muted">
          {known ? 'No device of this name has reported, or you have no right to see it.' : 'Loading…'}
        </p>
      </PageFrame>
    )
  }
  return (
    <PageFrame
      title={device.name}
      actions={
        <a
          className="button button--small"
          href={href('/')}
          onClick={() => {
            selection.select(deviceId)
            selection.setFollow(true)
          }}
        >
          <Icon name="follow" />
          Follow on the map
        </a>
      }
    >
      <DeviceView key={deviceId} device={device} />
    </PageFrame>
  )
}

function DeviceView({ device }: { readonly device: Device }) {
  const { live } = useConsole()
  const [window, setWindow] = useState(() => lastHours(live.now()))
  const { fixes, trips, state } = useTrack(live, device.id, window, device)
  const stops = useMemo(() => stopsBetween(trips), [trips])
  const [playback] = useState(createPlayback)
  useEffect(() => playback.setTrack(fixes), [playback, fixes])

  const show = (timeMs: number): void => {
    playback.pause()
    playback.seek(timeMs)
  }

  return (
    <div className="device">
      <div className="device__way">
        <section className="panel device__track" aria-label="History">
          <header className="device__head">
            <h3>History</h3>
            <WindowChoice
              window={window}
              now={live.now}
              onChange={next => {
                playback.toNewest()
                setWindow(next)
              }}
            />
          </header>
          <div className="device__map">
            <TrackMap fixes={fixes} stops={stops} playback={playback} fitKey={window} />
          </div>
          {fixes.length === 0 ? (
            <p className="panel__empty" role="status">
              {state === 'loading'
                ? 'Loading…'
                : state === 'failed'
                  ? 'The history could not be loaded.'
                  : 'No position is known of this time.'}
            </p>
          ) : (
            <>
              <PlaybackBar fixes={fixes} stops={stops} playback={playback} />
              <Plots fixes={fixes} playback={playback} />
              {isSimplified(window) && (
                <p className="muted device__note">
                  Fixes within {SIMPLIFIED_METERS} m of the way between others are left out. The files of the HTTP API
                  have all of them.
                </p>
              )}
            </>
          )}
        </section>
      </div>
      <div className="device__side">
        <LastState device={device} />
        <TripList trips={trips} loading={state === 'loading'} onChoose={trip => show(trip.start.timestamp)} />
        <DeviceAlerts deviceId={device.id} window={window} onShow={show} />
        <CommandPanel deviceId={device.id} />
        <RawPanel deviceId={device.id} />
      </div>
    </div>
  )
}

function LastState({ device }: { readonly device: Device }) {
  const { live } = useConsole()
  const nowMs = useNow(live.now)
  const sos = useSelected(live.sos, ({ open }) => [...open.values()].some(alert => alert.deviceId === device.id))
  const state = stateOf(device, nowMs)
  const { status } = device
  return (
    <section className="panel device__state" aria-label="Last state">
      <header className="card__head">
        <StateMark state={state} sos={sos} heading={device.fix?.location.heading} />
        <div className="card__title">
          <h3>
            {STATE_TEXT[state]}
            {status?.state === 'offline' && status.since !== undefined && (
              <> for {durationText(nowMs - status.since)}</>
            )}
            {sos && (
              <b className="tag" data-tone="sos">
                SOS
              </b>
            )}
          </h3>
          <p>
            {device.id}
            {device.groups.length > 0 && <> · {device.groups.join(', ')}</>}
          </p>
        </div>
      </header>
      {device.fix === null ? (
        <p className="panel__empty">This device is registered, but has not sent a position yet.</p>
      ) : (
        <DeviceFacts device={device} more />
      )}
    </section>
  )
}
