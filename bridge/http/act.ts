import type { FastifyRequest } from 'fastify'
import type { Act } from '../store/audit.ts'
import { principalOf } from './access.ts'

/** What the sender of a request does, for the audit log. */
export function actOf(request: FastifyRequest, action: string, target: string, detail?: Act['detail']): Act {
  const { org, sub } = principalOf(request)
  return { org, actor: sub, action, target, detail, address: request.ip }
}
