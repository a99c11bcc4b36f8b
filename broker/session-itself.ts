import type { StoredSubscription } from 'aedes-persistence-level/asyncPersistence.js'

/**
 * What a session without subscriptions is said to hold: Aedes tells by them whether there is one. [MQTT-3.2.2-2] It asks whether each may be
 * taken up, and this one may not.
 */
export const SESSION_ITSELF: StoredSubscription = { topic: '$session', qos: 0 }
