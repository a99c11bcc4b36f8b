import type { AedesOptions, Client } from 'aedes'
import { type Connections, NOTHING_GRANTING } from '../connections.ts'
import type { Tell } from '../notices.ts'
import { decideSubscription } from '../owntracks.ts'

type AuthorizeSubscribe = NonNullable<AedesOptions['authorizeSubscribe']>

/** No topic of the contract is as long; a longer filter only takes room in the session. */
const MAX_FILTER_LENGTH = 1_024

/** No channel has as many; the subscription trees of Aedes and its store end the process at 100. */
export const MAX_FILTER_LEVELS = 16

/**
 * SUBACK 0x80 for a filter that the token does not allow, for that filter alone. Runs again when a stored session is
 * restored, so rights that were taken away meanwhile end its subscriptions too.
 */
export function authorizeSubscribe(options: {
  connections: Connections
  tell: Tell
  /** Subscriptions one connection may hold (contract §7). */
  maxSubscriptions: number | null
  /** Takes a granted subscription: only these are stored with the session. */
  grant: (subscription: object) => void
  /** Takes a filter that the session may not hold any more. */
  drop: (client: Client, filter: string) => void
}): AuthorizeSubscribe {
  const { connections, tell, maxSubscriptions, grant, drop } = options
  return (client, subscription, done) => {
    const filter = subscription.topic
    const connection = connections.of(client)
    if (connection === undefined) return done(new Error('not admitted'))
    const refuse = (code: string, message: string) => {
      drop(client, filter)
      tell(connection.principal, { code, message, topic: filter })
      done(null, null)
    }
    if (filter.length > MAX_FILTER_LENGTH) {
      return refuse('topic_invalid', `a filter has at most ${MAX_FILTER_LENGTH} characters`)
    }
    const held = (client as unknown as { subscriptions: Record<string, unknown> }).subscriptions
    const { granting } = connection
    const isNew = held[filter] === undefined && !granting.has(filter)
    const isOneMore = maxSubscriptions !== null && isNew
    if (isOneMore && new Set([...Object.keys(held), ...granting]).size >= maxSubscriptions) {
      return refuse(
        'subscription_limit',
        `a connection holds at most ${maxSubscriptions} subscriptions; use a wildcard`,
      )
    }
    if (filter.split('/').length > MAX_FILTER_LEVELS) {
      return refuse('subscribe_forbidden', `not allowed: a filter of more than ${MAX_FILTER_LEVELS} levels`)
    }
    const decision = decideSubscription(connection.principal, filter, { qos: subscription.qos })
    if (!decision.allowed) return refuse('subscribe_forbidden', `not allowed: ${decision.reason}`)
    if (granting === NOTHING_GRANTING) connection.granting = new Set()
    connection.granting.add(filter)
    connection.grantedQos.grant(filter, subscription.qos)
    grant(subscription)
    done(null, subscription)
  }
}
