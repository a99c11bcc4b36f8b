import { useState } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useStore } from '../hooks/use-store.ts'
import { absoluteTime, agoText } from '../live/time-text.ts'
import type { UnknownDevice } from '../live/unknown-devices.ts'

/** Devices that were heard and that nobody has registered, for administrators; nothing while there are none. */
export function UnknownDeviceList() {
  const { live } = useConsole()
  const devices = useStore(live.unknownDevices.store)
  const nowMs = useNow(live.now, 5_000)
  if (devices.length === 0) return null
  return (
    <section className="panel unknown" aria-label="New devices">
      <header className="panel__title">
        <h2>New devices</h2>
        <span className="count">{devices.length}</span>
      </header>
      <ul className="unknown__list">
        {devices.map(device => (
          <UnknownRow key={device.id} device={device} ago={agoText(nowMs - device.lastSeen)} />
        ))}
      </ul>
    </section>
  )
}

function UnknownRow({ device, ago }: { readonly device: UnknownDevice; readonly ago: string }) {
  const { live } = useConsole()
  const [busy, setBusy] = useState(false)
  const { id, count, channel, from, lastMessage, lastSeen } = device

  const run = (work: () => Promise<string>): void => {
    setBusy(true)
    work().then(
      sentence => live.notify('info', sentence),
      error => {
        live.notify('error', (error as Error).message)
        setBusy(false)
      },
    )
  }
  const adopt = async (): Promise<string> => {
    const fixes = await live.unknownDevices.adopt(id)
    return `${id} is registered${fixes === 0 ? '' : `, with ${fixes} earlier ${fixes === 1 ? 'fix' : 'fixes'}`}.`
  }
  const dismiss = async (): Promise<string> => {
    await live.unknownDevices.dismiss(id)
    return `${id} is out of the list until it has been silent for a day.`
  }

  return (
    <li className="unknown__row" aria-busy={busy}>
      <b className="unknown__id">{id}</b>
      <span className="unknown__more">
        <time dateTime={new Date(lastSeen).toISOString()} title={absoluteTime(lastSeen)}>
          {ago}
        </time>
        {`, ${count} ${count === 1 ? 'message' : 'messages'} from ${from.sub}`}
        {from.address !== null && ` at ${from.address}`}
      </span>
      <details className="unknown__message">
        <summary>Last message, {channel}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reachable by keyboard */}
        <pre tabIndex={0}>{JSON.stringify(lastMessage, null, 2)}</pre>
      </details>
      <span className="unknown__actions">
        <button
          className="button button--small button--primary"
          type="button"
          disabled={busy}
          aria-label={`Adopt ${id}`}
          onClick={() => run(adopt)}
        >
          Adopt
        </button>
        <button
          className="button button--small"
          type="button"
          disabled={busy}
          aria-label={`Dismiss ${id}`}
          onClick={() => run(dismiss)}
        >
          Dismiss
        </button>
      </span>
    </li>
  )
}
