import type { ChannelName } from '../../contract/index.ts'

/** A message as an event of a stream, all but its id. WHATWG HTML §9.2.6 */
export function messageFrame(channel: ChannelName, topic: string, payload: Uint8Array): string {
  // What was accepted is JSON: line ends stand between its tokens only. An empty payload clears what was retained.
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    .toString()
    .replace(/^\uFEFF/, '')
  const value = text === '' ? 'null' : text.replace(/[\r\n]+/g, ' ')
  return `event: ${channel}\ndata: {"topic":${JSON.stringify(topic)},"payload":${value}}\n`
}

/** An event of the stream itself. */
export function ownFrame(event: 'ready' | 'gap' | 'error', body: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(body)}\n`
}
