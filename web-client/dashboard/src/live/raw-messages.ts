export interface RawMessage {
  readonly topic: string
  readonly payload: string
  readonly bytes: number
  readonly qos: number
  /** What the platform had kept, not sent just now. */
  readonly retained: boolean
  /** This browser's clock, milliseconds. */
  readonly receivedAtMs: number
}

export interface RawEvents {
  onMessage(message: RawMessage): void
  /** Null: it is listened to. */
  onState(fault: string | null): void
}

interface RawOptions {
  readonly url: string
  readonly username: string
  readonly filter: string
  token(): Promise<string>
}

/** Longer payloads are cut: they are looked at, not worked with. */
const PAYLOAD_SHOWN = 4_096

/**
 * A connection of its own, for as long as somebody looks: the dashboard's own subscribes to less, and drops what it has no use
 * for. It is not opened again when it is lost; whoever looks asks again.
 */
export function openRawMessages({ url, username, filter, token }: RawOptions, events: RawEvents): () => void {
  const decoder = new TextDecoder()
  let closed = false
  let end = (): void => undefined

  const open = async (): Promise<void> => {
    const { default: mqtt } = await import('mqtt')
    const password = await token()
    if (closed) return
    const client = mqtt.connect(url, { protocolVersion: 4, clean: true, username, password, reconnectPeriod: 0 })
    end = () => client.end(true)
    client.on('connect', () =>
      client.subscribe(filter, { qos: 0 }, (error, granted) => {
        const refused = error !== null || (granted?.[0]?.qos ?? 0) >= 128
        if (!closed) events.onState(refused ? 'You have no right to read the messages of this device.' : null)
      }),
    )
    client.on('message', (topic, payload, { qos, retain }) => {
      if (closed) return
      const text = decoder.decode(payload.subarray(0, PAYLOAD_SHOWN))
      const receivedAtMs = Date.now()
      events.onMessage({ topic, payload: text, bytes: payload.length, qos, retained: retain, receivedAtMs })
    })
    client.on('error', error => !closed && events.onState(error.message))
    client.on('close', () => !closed && events.onState('The connection was lost.'))
  }

  open().catch((error: Error) => !closed && events.onState(error.message))
  return () => {
    closed = true
    end()
  }
}
