import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { connect } from 'node:tls'

/** What is sent as it is, piece by piece. */
export interface FileBody {
  readonly file: string
  readonly size: number
  readonly type: string
  /** The platform tells how far it is; asked for and told where this is given. */
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

export interface PlatformRequest {
  /** Where the running platform says it listens. */
  readonly address: string
  /** With the query string. */
  readonly path: string
  readonly token: string
  /** Sent as JSON, a file as it is. */
  readonly body?: unknown | FileBody
  /** POST with a body and GET without when left out. */
  readonly method?: 'PATCH' | undefined
  /** PEM, as in the configuration; only looked at for an HTTPS address. */
  readonly cert: string | undefined
  readonly signal?: AbortSignal
}

export interface PlatformAnswer {
  readonly status: number
  /** An empty object where it is no JSON. */
  readonly answer: { readonly detail?: string } & Record<string, unknown>
}

/**
 * Asks the platform that runs in the same data folder. Over TLS it has to show the certificate of the configuration,
 * whoever signed it: a certificate for the public name says nothing of the loopback address, and may well be self-signed.
 * @throws Error with a sentence for people when the platform cannot be reached or is another one
 */
export async function askPlatform({
  address,
  path,
  token,
  body,
  method,
  cert,
  signal,
}: PlatformRequest): Promise<PlatformAnswer> {
  const { protocol, hostname, port } = new URL(address)
  const file = isFileBody(body) ? body : undefined
  const host = hostname.replace(/^\[|\]$/g, '')
  try {
    const socket = protocol === 'https:' ? await connectPinned(host, Number(port), cert) : undefined
    const sent = request({
      host,
      port,
      path,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        authorization: `Bearer ${token}`,
        connection: 'close',
        ...(body !== undefined && { 'content-type': file?.type ?? 'application/json' }),
        ...(file !== undefined && { 'content-length': file.size }),
        ...(file?.onProgress !== undefined && { accept: 'application/x-ndjson, application/json;q=0.5' }),
      },
      ...(signal !== undefined && { signal }),
      ...(socket === undefined ? {} : { createConnection: () => socket }),
    })
    const responded = once(sent, 'response') as Promise<[IncomingMessage]>
    if (file === undefined) sent.end(body === undefined ? undefined : JSON.stringify(body))
    // Refused before it was read to its end, the answer says why; that the rest could not be sent does not.
    else pipeline(createReadStream(file.file), sent).catch(() => {})
    const [response] = await responded
    if (/^application\/x-ndjson/.test(response.headers['content-type'] ?? '')) return await readLines(response, file)
    const answer = (await json(response).catch(() => ({}))) as PlatformAnswer['answer']
    return { status: response.statusCode!, answer }
  } catch (error) {
    throw new Error(`the platform at ${address} cannot be reached: ${(error as Error).message}`, { cause: error })
  }
}

function isFileBody(body: unknown): body is FileBody {
  return typeof body === 'object' && body !== null && 'file' in body && 'size' in body
}

/** Progress, and at the end what came of it. */
async function readLines(response: IncomingMessage, file: FileBody | undefined): Promise<PlatformAnswer> {
  for await (const text of createInterface({ input: response })) {
    const { progress, result, problem } = JSON.parse(text)
    if (progress !== undefined) file?.onProgress?.(progress.done, progress.of)
    if (result !== undefined) return { status: 200, answer: result }
    if (problem !== undefined) return { status: problem.status, answer: problem }
  }
  throw new Error('it ended before it said what became of the file')
}

async function connectPinned(host: string, port: number, cert: string | undefined) {
  if (cert === undefined) throw new Error('set TRACKWIRE_TLS_CERT and TRACKWIRE_TLS_KEY as the platform has them')
  // Not signed by anybody we would have to trust: it is compared below, before anything is sent.
  const socket = connect({ host, port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  if (socket.getPeerX509Certificate()?.raw.equals(new X509Certificate(cert).raw)) return socket
  socket.destroy()
  throw new Error(
    'its certificate is not the one in TRACKWIRE_TLS_CERT; it takes a new one within seconds, or its log says why not',
  )
}
