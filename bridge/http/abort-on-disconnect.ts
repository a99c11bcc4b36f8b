import type { FastifyReply } from 'fastify'

/** Aborted when the client goes away before its answer was sent. */
export function abortOnDisconnect({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort(new Error('the client has gone away'))
  })
  return controller.signal
}
