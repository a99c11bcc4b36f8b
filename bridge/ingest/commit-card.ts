import { cardForFriends, friendTopic, type OwnTracksCard } from '../../contract/index.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { insertOutbox, type OutgoingMessage } from '../store/outbox.ts'
import { upsertCard } from '../store/owntracks.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'

/** Who carries a phone: kept, and retained where its friends' apps look for it. The same card again changes nothing. */
export async function commitCard(pipeline: Pipeline, device: DeviceKey, card: OwnTracksCard): Promise<void> {
  const { db, announcer, states, now } = pipeline
  const message = cardMessage(device, card, states.peek(keyOf(device))?.newest ?? null)
  const outbox = await persist(
    () =>
      db.transaction(async tx => {
        const isNew = await upsertCard(tx, device, card, now())
        return isNew && message !== null ? insertOutbox(tx, [message], now()) : []
      }),
    pipeline,
  )
  announcer.enqueue(outbox)
}

/** Null for a device that has no topic of friends. */
export function cardMessage(
  device: DeviceKey,
  card: OwnTracksCard,
  newest: Parameters<typeof cardForFriends>[2],
): OutgoingMessage | null {
  const topic = friendTopic(device, 'info')
  if (topic === null) return null
  return { topic, payload: JSON.stringify(cardForFriends(device, card, newest)), qos: 0, retain: true }
}
