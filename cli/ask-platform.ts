import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { connect } from 'node:tls'

/** What is sent as it is. */
export interface FileBody {
  readonly bytes: Buffer
  readonly type: string
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
  const isFile = Buffer.isBuffer((body as FileBody | undefined)?.bytes)
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
        ...(body !== undefined && { 'content-type': isFile ? (body as FileBody).type : 'application/json' }),
      },
      ...(signal !== undefined && { signal }),
      ...(socket === undefined ? {} : { createConnection: () => socket }),
    })
    sent.end(body === undefined ? undefined : isFile ? (body as FileBody).bytes : JSON.stringify(body))
    const [response] = await once(sent, 'response')
    const answer = (await json(response).catch(() => ({}))) as PlatformAnswer['answer']
    return { status: response.statusCode as number, answer }
  } catch (error) {
    throw new Error(`the platform at ${address} cannot be reached: ${(error as Error).message}`, { cause: error })
  }
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
