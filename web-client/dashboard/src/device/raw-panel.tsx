import { useEffect, useState } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import type { RawMessage } from '../live/raw-messages.ts'

const KEPT = 100

interface Numbered extends RawMessage {
  readonly number: number
}

/** What the device sends and is sent, as it stands on the wire, from the moment somebody looks. */
export function RawPanel({ deviceId }: { readonly deviceId: string }) {
  const [open, setOpen] = useState(false)
  return (
    <section className="panel box" aria-label="Raw messages">
      <header className="panel__title">
        <h3>Raw messages</h3>
        <span className="top__gap" />
        <button className="button button--small" type="button" aria-pressed={open} onClick={() => setOpen(!open)}>
          {open ? 'Stop' : 'Listen'}
        </button>
      </header>
      {open ? (
        <RawList deviceId={deviceId} />
      ) : (
        <p className="panel__empty">Every MQTT message of this device as it is sent, and what was kept of it.</p>
      )}
    </section>
  )
}

function RawList({ deviceId }: { readonly deviceId: string }) {
  const { live } = useConsole()
  const [messages, setMessages] = useState<readonly Numbered[]>([])
  const [text, setText] = useState('Connecting…')
  const [fault, setFault] = useState<string | null>(null)
  useEffect(() => {
    let number = 0
    return live.rawMessages(deviceId, {
      onMessage(message) {
        number += 1
        const numbered = { ...message, number }
        setMessages(list => [numbered, ...list].slice(0, KEPT))
      },
      onState: fault => {
        setFault(fault)
        setText(fault ?? 'Listening. Nothing has been sent yet.')
      },
    })
  }, [live, deviceId])
  if (messages.length === 0) return <p className="panel__empty">{text}</p>
  const list = (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached with the keyboard
    <ol className="raw" tabIndex={0} aria-label="Messages, newest first">
      {messages.map(({ number, topic, payload, bytes, qos, retained, receivedAtMs }) => (
        <li key={number}>
          <p>
            <time>{new Date(receivedAtMs).toLocaleTimeString()}</time> <b>{topic}</b>{' '}
            <span className="muted">
              QoS {qos}, {bytes} bytes{retained && ', kept'}
            </span>
          </p>
          <pre>{payload === '' ? '(empty: cleared)' : payload}</pre>
        </li>
      ))}
    </ol>
  )
  return (
    <>
      {fault !== null && (
        <p className="panel__empty" role="alert">
          {fault}
        </p>
      )}
      {list}
    </>
  )
}
