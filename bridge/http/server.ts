import type { SecureContextOptions } from 'node:tls'
import Fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify'
import type { Logger } from 'pino'
import { MAX_PAYLOAD_BYTES, TrackwireError } from '../../contract/index.ts'
import { PROBLEM_TYPE, problemOf, sendProblem } from './problem.ts'
import { requestIdOf } from './request-log.ts'

/** A body has to arrive within this time, so that slow senders do not hold sockets. */
const REQUEST_TIMEOUT_MS = 60_000

export interface ServerOptions {
  readonly logger: Logger
  /** HTTPS when given. */
  readonly tls?: SecureContextOptions | undefined
  readonly trustedProxies?: readonly string[] | undefined
}

/** An HTTP server with the limits of every one of ours, without routes. */
export function createServer({ logger, tls, trustedProxies = [] }: ServerOptions): FastifyInstance {
  const common = {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_PAYLOAD_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    genReqId: requestIdOf,
    // Fastify's own answer while closing is no problem document; `refuseWhenClosing` gives ours.
    return503OnClosing: false,
    frameworkErrors: sendProblem,
    clientErrorHandler(error, socket) {
      if (!socket.writable || (error as NodeJS.ErrnoException).code === 'ECONNRESET') return void socket.destroy()
      socket.end(rawProblem(error as NodeJS.ErrnoException))
    },
  } satisfies FastifyServerOptions & Record<string, unknown>
  return (tls === undefined ? Fastify(common) : Fastify({ ...common, https: { ...tls } })) as unknown as FastifyInstance
}

/** What cannot even be read as HTTP has no reply object: the answer is written by hand. */
function rawProblem({ code }: NodeJS.ErrnoException): string {
  const refusal =
    code === 'HPE_HEADER_OVERFLOW'
      ? new TrackwireError('request_invalid', 'the headers are larger than 16 KiB')
      : new TrackwireError('request_invalid', 'this is not an HTTP request')
  const body = JSON.stringify(problemOf(refusal, 'none'))
  const headers = `content-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
  return `HTTP/1.1 400 Bad Request\r\n${headers}\r\n\r\n${body}`
}

/** While it closes, what still comes is told so. */
export function refuseWhenClosing(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onRequest', async (_request, reply) => {
    if (!closing) return
    reply.header('connection', 'close')
    throw new TrackwireError('shutting_down')
  })
}
