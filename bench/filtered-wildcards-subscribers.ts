/** The subscribers of filtered-wildcards.ts: they count what comes, and tell whenever all of them have had a round of messages. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { generate, parser } from 'mqtt-packet'
import { buildFilter, type Claims } from '../contract/index.ts'

export interface SubscribersOrder {
  readonly url: string
  readonly subscribers: number
  readonly org: string
  readonly claims: Pick<Claims, 'role' | 'acl' | 'exp'>
  /** How many messages each of them has in a round. */
  readonly messages: number
}

const [order] = (await once(process, 'message')) as [SubscribersOrder]
const { hostname, port } = new URL(order.url)
let heard = 0

const sockets = await Promise.all(Array.from({ length: order.subscribers }, (_, i) => subscribe(i)))
process.send!('ready')
process.once('message', () => {
  for (const socket of sockets) socket.end(generate({ cmd: 'disconnect' }))
  process.send!('left')
})

function took(): void {
  heard += 1
  if (heard % (order.messages * order.subscribers) === 0) process.send!('heard')
}

async function subscribe(number: number): Promise<Socket> {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  const read = parser()
  const subscribed = new Promise<void>(resolve => {
    read.on('packet', ({ cmd }) => {
      if (cmd === 'publish') took()
      else if (cmd === 'suback') resolve()
    })
  })
  socket.on('data', chunk => read.parse(chunk))
  const { org, claims } = order
  const password = Buffer.from(JSON.stringify({ ...claims, org, sub: `subscriber-${number}` }))
  const clientId = `c-${number}`
  socket.write(
    generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: false,
      clientId,
      keepalive: 0,
      password,
      username: 'any',
    }),
  )
  const subscriptions = [{ topic: buildFilter('location', { org }), qos: 1 as const }]
  socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions }))
  await subscribed
  return socket
}
