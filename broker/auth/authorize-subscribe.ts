import type { AedesOptions, Client } from 'aedes'
import { decideFilter } from '../../contract/index.ts'
import type { Connections } from '../connections.ts'
import type { Tell } from '../notices.ts'

type AuthorizeSubscribe = NonNullable<AedesOptions['authorizeSubscribe']>

/** Subscriptions one connection may hold (contract §7). */
export const MAX_SUBSCRIPTIONS = 100

/** No channel has as many; the subscription trees of Aedes and its store end the process at 100. */
export const MAX_FILTER_LEVELS = 16

/**
 * SUBACK 0x80 for a filter that the token does not allow, for that filter alone. Runs again when a stored session is
 * restored, so rights that were taken away meanwhile end its subscriptions too.
 */
export function authorizeSubscribe(options: {
  connections: Connections
  tell: Tell
  limits: boolean
  /** Takes a granted subscription: only these are stored with the session. */
  grant: (subscription: object) => void
  /** Takes a filter that the session may not hold any more. */
  drop: (client: Client, filter: string) => void
}): AuthorizeSubscribe {
  const { connections, tell, limits, grant, drop } = options
  return (client, subscription, done) => {
    const filter = subscription.topic
    const connection = connections.of(client)
    if (connection === undefined) return done(new Error('not admitted'))
    const refuse = (code: string, message: string) => {
      drop(client, filter)
      tell(connection.principal, { code, message, topic: filter })
      done(null, null)
    }
    const held = (client as unknown as { subscriptions: Record<string, unknown> }).subscriptions
    const { granting } = connection
    const isNew = held[filter] === undefined && !granting.has(filter)
    if (limits && isNew && new Set([...Object.keys(held), ...granting]).size >= MAX_SUBSCRIPTIONS) {
      return refuse(
        'subscription_limit',
        `a connection holds at most ${MAX_SUBSCRIPTIONS} subscriptions; use a wildcard`,
      )
    }
    if (filter.split('/').length > MAX_FILTER_LEVELS) {
      return refuse('subscribe_forbidden', `not allowed: a filter of more than ${MAX_FILTER_LEVELS} levels`)
    }
    const decision = decideFilter(connection.principal, filter, { qos: subscription.qos })
    if (!decision.allowed) return refuse('subscribe_forbidden', `not allowed: ${decision.reason}`)
    granting.add(filter)
    connection.grantedQos.grant(filter, subscription.qos)
    grant(subscription)
    done(null, subscription)
  }
}
