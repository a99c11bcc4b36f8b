import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { connect } from 'node:tls'

export interface PlatformPost {
  /** Where the running platform says it listens. */
  readonly address: string
  readonly path: string
  readonly token: string
  readonly body: unknown
  /** PEM, as in the configuration; only looked at for an HTTPS address. */
  readonly cert: string | undefined
}

/**
 * POSTs JSON to the platform that runs in the same data folder. Over TLS it has to show the certificate of the configuration,
 * whoever signed it: a certificate for the public name says nothing of the loopback address, and may well be self-signed.
 * @returns the status, and the answer where it is JSON
 * @throws Error with a sentence for people when the platform cannot be reached or is another one
 */
export async function postToPlatform({ address, path, token, body, cert }: PlatformPost) {
  const { protocol, hostname, port } = new URL(address)
  const host = hostname.replace(/^\[|\]$/g, '')
  try {
    const socket = protocol === 'https:' ? await connectPinned(host, Number(port), cert) : undefined
    const sent = request({
      host,
      port,
      path,
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', connection: 'close' },
      ...(socket === undefined ? {} : { createConnection: () => socket }),
    })
    sent.end(JSON.stringify(body))
    const [response] = await once(sent, 'response')
    const answer = (await json(response).catch(() => ({}))) as { detail?: string }
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
  throw new Error('its certificate is not the one in TRACKWIRE_TLS_CERT; restart the platform after a change of it')
}
