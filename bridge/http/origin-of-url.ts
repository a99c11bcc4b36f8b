import type { FastifyRequest } from 'fastify'

/** As the client reached the platform: the name it knows it by. */
export function originOfUrl({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`
}
