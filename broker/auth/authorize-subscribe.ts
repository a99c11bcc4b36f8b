import type { AedesOptions, Client } from 'aedes'
import { decideFilter, isFilter } from '../../contract/index.ts'
import type { Connections } from '../connections.ts'
import type { Tell } from '../notices.ts'

type AuthorizeSubscribe = NonNullable<AedesOptions['authorizeSubscribe']>

/** Subscriptions one connection may hold (contract §7). */
export const MAX_SUBSCRIPTIONS = 100

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
    // [MQTT-4.7.1-2], [MQTT-4.7.1-3], [MQTT-1.5.3-1]: a malformed filter is a protocol error.
    if (connection === undefined || !isFilter(filter) || filter.includes('\uFFFD')) {
      return done(new Error('protocol violation: malformed topic filter'))
    }
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
    const decision = decideFilter(connection.principal, filter, { qos: subscription.qos })
    if (!decision.allowed) return refuse('subscribe_forbidden', `not allowed: ${decision.reason}`)
    granting.add(filter)
    connection.grantedQos.grant(filter, subscription.qos)
    connection.receivable.clear()
    grant(subscription)
    done(null, subscription)
  }
}
