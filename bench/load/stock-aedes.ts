/** Aedes as its README starts it, over TCP and over `ws`, for comparison: prints its ports as JSON and runs until it is ended. */
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { Aedes } from 'aedes'
import { createWebSocketStream, WebSocketServer } from 'ws'

const aedes = await Aedes.createBroker()
const tcp = createServer({ noDelay: true }, aedes.handle)
const http = createHttpServer()
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false, handleProtocols: () => 'mqtt' })
sockets.on('connection', (socket, request) => aedes.handle(createWebSocketStream(socket), request))

const listening = (server: Server) =>
  new Promise<number>(resolve => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => resolve((server.address() as AddressInfo).port))
  })
console.log(JSON.stringify({ port: await listening(tcp), webSocketPort: await listening(http) }))
