import type { DeviceEvent } from '../../contract/index.ts'
import { deviceEventId } from '../../geofence-engine/index.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { countEvents } from './metrics.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { keyOf } from './state-cache.ts'
import { storeEvents } from './store-events.ts'

/** Two clients use the identity of one device: nothing the clock or a fix could end, so it begins and a person closes it. */
export async function commitIdentityClash(
  pipeline: Pipeline,
  { org, deviceId, timestamp }: DeviceKey & { readonly timestamp: number },
): Promise<void> {
  const { db, now, announcer, metrics, eventListener, states } = pipeline
  const location = states.peek(keyOf({ org, deviceId }))?.newest?.location
  const event: DeviceEvent = {
    id: deviceEventId(org, deviceId, 'identity-clash', 'begin', timestamp),
    event: 'identity-clash',
    phase: 'begin',
    deviceId,
    timestamp,
    ...(location !== undefined && { location }),
  }
  const outcome = { events: [{ org, event, causeTime: null }], retracted: [], amended: [] }
  const { changes, outbox } = await persist(
    () => db.transaction(tx => storeEvents(tx, outcome, { nowMs: now(), listener: eventListener })),
    pipeline,
  )
  countEvents(metrics, changes)
  announcer.enqueue(outbox)
}
