import type { RealtimeClient } from '../../web-client/sdk/index.ts'

/* Never run: the compiler checks that the client is typed by the channel table. */
export function checkTypes(client: RealtimeClient): void {
  client.on(
    'geofenceNotification',
    ({ payload, params }) => {
      const name: string | undefined = payload?.fenceName
      const event: 'enter' | 'exit' | 'dwell' | 'correction' = params.event
      return [name, event]
    },
    { event: 'enter' },
  )
  client.on('gap', ({ sinceMs }) => sinceMs.toFixed())
  // @ts-expect-error: no such event
  client.on('geofenceNotification', () => undefined, { event: 'teleport' })
  // @ts-expect-error: no such channel
  client.on('nowhere', () => undefined)
  // @ts-expect-error: a time is a number
  void client.publish('location', { deviceId: 'van-1' }, { timestamp: 'now', location: { lat: 1, lng: 1 } })
  // @ts-expect-error: whose?
  void client.publish('location', {}, { timestamp: 1, location: { lat: 1, lng: 1 } })
}
