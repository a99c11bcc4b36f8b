/**
 * What a browser sees of a platform with many movers: the page and the HTTP API are the real platform's; its MQTT over WebSocket is
 * answered here, because ten thousand devices, the platform and a browser that draws in software do not fit on two cores.
 */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet'
import { type WebSocket, WebSocketServer } from 'ws'
import { buildTopic } from '../contract/index.ts'
import type { TestScope } from '../test/support/scope.ts'

const ORG = 'demo'
/** Each device reports once a second; the second is cut into this many parts, so that the messages come as evenly as devices do. */
const PARTS = 20
/** A region as large as a small country: at first sight all of it is on the screen. */
const CENTER = { lat: 41.15, lng: -8.62 }
const SPREAD_DEGREES = 1.2
const METERS_PER_DEGREE = 111_320

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/naive': ['../../bench/naive-map.html', 'text/html'],
  '/mqtt.mjs': ['../../node_modules/mqtt/dist/mqtt.esm.js', 'text/javascript'],
  '/maplibre-gl.mjs': ['../../node_modules/maplibre-gl/dist/maplibre-gl.mjs', 'text/javascript'],
  '/maplibre-gl-shared.mjs': ['../../node_modules/maplibre-gl/dist/maplibre-gl-shared.mjs', 'text/javascript'],
  '/maplibre-gl-worker.mjs': ['../../node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs', 'text/javascript'],
  '/maplibre-gl.css': ['../../node_modules/maplibre-gl/dist/maplibre-gl.css', 'text/css'],
}

interface Mover {
  readonly topic: string
  readonly id: string
  lat: number
  lng: number
  heading: number
  readonly speed: number
}

/** @returns the address of the page */
export async function startMapLoad(scope: TestScope, platformUrl: string, count: number): Promise<string> {
  const movers = Array.from({ length: count }, (_, i) => moverOf(i))
  const server = createServer((asked, answer) => serve(asked, answer, platformUrl))
  const sockets = new WebSocketServer({ server, path: '/mqtt' })
  sockets.on('connection', socket => serveMqtt(socket, movers))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  scope.after(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    return new Promise<void>(resolve => server.close(() => resolve()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function serve(asked: IncomingMessage, answer: ServerResponse, platformUrl: string): Promise<void> {
  const file = FILES[asked.url!.split('?', 1)[0]!]
  if (file !== undefined) {
    const [path, type] = file
    answer.writeHead(200, { 'content-type': type }).end(await readFile(fileURLToPath(new URL(path, import.meta.url))))
    return
  }
  const { url, method, headers } = asked
  const onward = request(new URL(url!, platformUrl), { method, headers }, came => {
    answer.writeHead(came.statusCode!, came.headers)
    came.pipe(answer)
  })
  onward.on('error', () => answer.destroy())
  asked.pipe(onward)
}

/** Enough of a broker for one subscriber that only listens. */
function serveMqtt(socket: WebSocket, movers: readonly Mover[]): void {
  const parser = mqttPacket.parser()
  const send = (packet: Packet): void => socket.send(mqttPacket.generate(packet))
  let part = 0
  let timer: ReturnType<typeof setInterval> | undefined
  parser.on('packet', packet => {
    if (packet.cmd === 'connect') {
      const { protocolVersion } = packet as IConnectPacket
      send({
        cmd: 'connack',
        returnCode: 0,
        reasonCode: 0,
        sessionPresent: false,
        ...(protocolVersion === 5 ? { properties: {} } : {}),
      })
    } else if (packet.cmd === 'subscribe') {
      send({ cmd: 'suback', messageId: packet.messageId!, granted: packet.subscriptions.map(({ qos }) => qos) })
      timer ??= setInterval(() => {
        sendPart(socket, movers, part)
        part = (part + 1) % PARTS
      }, 1_000 / PARTS)
    } else if (packet.cmd === 'unsubscribe') send({ cmd: 'unsuback', messageId: packet.messageId!, granted: [] })
    else if (packet.cmd === 'pingreq') send({ cmd: 'pingresp' })
    else if (packet.cmd === 'publish' && packet.qos === 1) send({ cmd: 'puback', messageId: packet.messageId! })
  })
  socket.on('message', data => parser.parse(data as Buffer))
  socket.on('close', () => clearInterval(timer))
}

function sendPart(socket: WebSocket, movers: readonly Mover[], part: number): void {
  const timestamp = Date.now()
  const packets: Buffer[] = []
  for (let i = part; i < movers.length; i += PARTS) {
    const mover = movers[i]!
    move(mover)
    const { topic, lat, lng, speed, heading } = mover
    const location = { lat, lng, accuracy: 4.2, speed, heading: Math.round(heading) }
    const fix = { timestamp, location, metadata: { battery: 80, network: 'lte', activity: 'driving' } }
    packets.push(
      mqttPacket.generate({ cmd: 'publish', topic, payload: JSON.stringify(fix), qos: 0, dup: false, retain: false }),
    )
  }
  socket.send(Buffer.concat(packets))
}

/** The same movers in every run. */
function moverOf(i: number): Mover {
  const id = `mover-${i}`
  return {
    id,
    topic: buildTopic('last', { org: ORG, deviceId: id }),
    lat: CENTER.lat + (fraction(i, 1) - 0.5) * SPREAD_DEGREES,
    lng: CENTER.lng + (fraction(i, 2) - 0.5) * SPREAD_DEGREES,
    heading: fraction(i, 3) * 360,
    speed: 5 + 20 * fraction(i, 4),
  }
}

function fraction(i: number, salt: number): number {
  const x = Math.sin(i * 12.9898 + salt * 78.233) * 43_758.5453
  return x - Math.floor(x)
}

function move(mover: Mover): void {
  const turned = (mover.heading * Math.PI) / 180
  const degrees = mover.speed / METERS_PER_DEGREE
  mover.lat += degrees * Math.cos(turned)
  mover.lng += (degrees * Math.sin(turned)) / Math.cos((mover.lat * Math.PI) / 180)
  mover.heading = (mover.heading + 2) % 360
}
