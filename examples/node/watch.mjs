// Prints where every device is, as it moves, and every alert.
//   node examples/node/watch.mjs http://127.0.0.1:8080 "$(npx trackwire token --org demo --role dispatcher --sub me)"
import { RealtimeClient } from 'trackwire/sdk'

const [url, token] = process.argv.slice(2)
const client = new RealtimeClient({ url, token })

client.on('last', ({ params, payload }) => {
  if (payload === null) return
  const { lat, lng } = payload.location
  console.log(`${params.deviceId} ${new Date(payload.timestamp).toISOString()} ${lat.toFixed(5)} ${lng.toFixed(5)}`)
})
client.on('geofenceNotification', ({ payload }) => {
  console.log(`alert: ${payload.deviceId} ${payload.event} ${payload.fenceName}`)
})
client.on('gap', ({ message }) => console.log(`gap: ${message}`))
client.connection.subscribe(() => console.error(client.connection.get().phase))

process.once('SIGINT', () => client.disconnect())
await client.connect()
