import { createParser } from 'eventsource-parser'
import { errorOf, RealtimeError } from './errors.ts'

export interface StreamRequest {
  /** Of the platform, without a slash at the end. */
  readonly url: string
  readonly jwt: string
  readonly filters: readonly string[]
  /** Those that were not followed yet at `lastEventId`. */
  readonly freshFilters: readonly string[]
  readonly lastEventId: string | null
  readonly signal: AbortSignal
}

export interface StreamEvent {
  readonly name: string
  readonly data: string
  readonly id: string | undefined
}

/** The platform says something every five seconds; two missed and a little are a dead connection. */
export const SILENCE_LIMIT_MS = 12_000
/** A network that swallows everything must not hold up the next try. */
const CONNECT_WITHIN_MS = 5_000

/**
 * Reads one stream of server-sent events until it ends. `EventSource` would put the token into the URL and reconnect as it likes.
 * @param onHeard something arrived, if only a sign of life
 * @throws RealtimeError always, since a stream has no good end; with the reason of `signal` when that was aborted
 */
export async function readStream(
  request: StreamRequest,
  onEvent: (event: StreamEvent) => void,
  onHeard: () => void,
): Promise<never> {
  const silence = new AbortController()
  const signal = AbortSignal.any([request.signal, silence.signal])
  let timer: ReturnType<typeof setTimeout> | undefined
  const expectWithin = (ms: number): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(new RealtimeError('timed_out', 'the platform is silent')), ms)
  }
  try {
    expectWithin(CONNECT_WITHIN_MS)
    const response = await fetch(addressOf(request), {
      headers: { authorization: `Bearer ${request.jwt}`, accept: 'text/event-stream' },
      cache: 'no-store',
      signal,
    })
    if (!response.ok) throw await errorOf(response)
    if (response.body === null) throw new RealtimeError('unsupported', 'this browser does not stream answers')
    const parser = createParser({ onEvent: ({ event = 'message', data, id }) => onEvent({ name: event, data, id }) })
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    for (;;) {
      expectWithin(SILENCE_LIMIT_MS)
      const { done, value } = await reader.read()
      if (done) throw new RealtimeError('connection_lost', 'the stream ended')
      onHeard()
      parser.feed(decoder.decode(value, { stream: true }))
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof RealtimeError) throw error
    throw new RealtimeError('unreachable', 'the platform cannot be reached', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

function addressOf({ url, filters, freshFilters, lastEventId }: StreamRequest): string {
  const query = new URLSearchParams({ topics: filters.join(',') })
  if (lastEventId !== null) {
    query.set('lastEventId', lastEventId)
    if (freshFilters.length > 0) query.set('fresh', freshFilters.join(','))
  }
  return `${url}/api/v1/stream?${query}`
}
