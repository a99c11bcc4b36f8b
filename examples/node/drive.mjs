// A device that drives in a circle, and keeps what it could not send in a folder.
//   node examples/node/drive.mjs http://127.0.0.1:8080 "$(npx trackwire device add truck-7 --org demo)" ./outbox
import { setTimeout as sleep } from 'node:timers/promises'
import { bufferedText, RealtimeClient } from 'trackwire/sdk'

const [url, token, outboxFolder = './outbox', fixes = 'Infinity', everyMs = '1000'] = process.argv.slice(2)
const client = new RealtimeClient({ url, token, outboxFolder })
client.outbox.subscribe(() => {
  const text = bufferedText(client.outbox.get())
  if (text !== '') console.log(text)
})
// It drives without a network too, so it does not wait for the connection.
client.connect().catch(error => console.error(error.message))

const sent = []
for (let i = 0; i < Number(fixes); i++) {
  const angle = (i / 60) * 2 * Math.PI
  const location = {
    lat: 41.1496 + 0.01 * Math.cos(angle),
    lng: -8.6109 + 0.013 * Math.sin(angle),
    speed: 13.9,
    heading: Math.round((angle * 180) / Math.PI + 90) % 360,
  }
  const { delivered } = await client.sendLocation({ timestamp: Date.now(), location })
  sent.push(delivered)
  await sleep(Number(everyMs))
}
await Promise.all(sent)
await client.disconnect()
console.log(`${sent.length} fixes stored`)
