import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { MqttClient } from 'mqtt'
import { crc16Arc } from '../../bridge/trackers/checksums.ts'
import { buildFrame } from '../../bridge/trackers/gt06/frames.ts'
import type { DeviceCommand } from '../../contract/index.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import type { Who } from '../support/who.ts'

const BOSS: Who = { role: 'admin', sub: 'boss' }
const ANN: Who = { role: 'dispatcher', sub: 'ann' }
const BEN: Who = { role: 'dispatcher', sub: 'ben' }
const TRUCK: Who = { role: 'device', sub: 'truck-7' }
const TOPIC = 'demo/devices/truck-7/commands'
const HOUR_MS = 3_600_000

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = Date.now() + 30_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(Date.now() < end, `${what} did not come`)
    await new Promise(resolve => setTimeout(resolve, 30))
  }
}

async function register(platform: RunningPlatform, id: string): Promise<void> {
  assert.equal((await platform.request('/api/v1/devices', { ...BOSS, method: 'POST', body: { id } })).status, 201)
}

async function ask(platform: RunningPlatform, id: string, body: object, who = ANN): Promise<DeviceCommand> {
  const answer = await platform.request(`/api/v1/devices/${id}/commands`, { ...who, body })
  assert.equal(answer.status, 201, await answer.clone().text())
  return (await answer.json()) as DeviceCommand
}

async function commandOf(platform: RunningPlatform, id: string, commandId: string): Promise<DeviceCommand> {
  const answer = await platform.request(`/api/v1/devices/${id}/commands/${commandId}`, ANN)
  assert.equal(answer.status, 200, commandId)
  return ((await answer.json()) as { command: DeviceCommand }).command
}

const becomes = (platform: RunningPlatform, id: string, commandId: string, state: string) =>
  until(`${commandId} ${state}`, async () => {
    const command = await commandOf(platform, id, commandId)
    return command.state === state ? command : undefined
  })

function ear(client: MqttClient): [topic: string, payload: { name?: string; code?: string; ok?: boolean }][] {
  const heard: [string, never][] = []
  client.on('message', (topic, payload) => heard.push([topic, JSON.parse(payload.toString()) as never]))
  return heard
}

test('a command for a device that is away outlives kill -9, and goes out when it is back; what is over or cancelled never does', async t => {
  const first = await startTestPlatform(t)
  await register(first, 'truck-7')
  const truck = await first.connect(TRUCK, { clean: false, clientId: 'modem' })
  await truck.subscribeAsync(`${TOPIC}/+`, { qos: 1 })
  await truck.endAsync()

  const desk = await first.connect(ANN)
  const told = ear(desk)
  await desk.subscribeAsync('demo/users/ann/errors', { qos: 1 })
  const order = (id: string, name: string, expiresAt: number) =>
    desk.publishAsync(`${TOPIC}/${id}`, JSON.stringify({ name, args: {}, expiresAt }), { qos: 1 })
  const inAnHour = Date.now() + HOUR_MS
  await order('where', 'locate', inAnHour)
  await order('where', 'locate', inAnHour)
  await order('brief', 'locate', Date.now() + 3_000)
  await order('regretted', 'locate', inAnHour)
  await order('stop', 'immobilise', inAnHour)
  assert.equal((await commandOf(first, 'truck-7', 'where')).state, 'queued')
  assert.equal((await commandOf(first, 'truck-7', 'where')).createdBy, 'ann')
  assert.equal((await commandOf(first, 'truck-7', 'stop')).state, 'awaiting-confirmation')
  await order('where', 'reboot', inAnHour)
  await until('the conflict', () => told.find(([, { code }]) => code === 'command_conflict'))
  const path = '/api/v1/devices/truck-7/commands/regretted/cancel'
  assert.equal((await first.request(path, { ...BEN, method: 'POST' })).status, 200)

  await first.stop('SIGKILL')
  const second = await startTestPlatform(t, { dataDirectory: first.dataDirectory })
  await becomes(second, 'truck-7', 'brief', 'expired')
  const watch = await second.connect(ANN)
  const seen = ear(watch)
  await watch.subscribeAsync('demo/devices/+/commands/+/result', { qos: 1 })
  const back = await second.connect(TRUCK, { clean: false, clientId: 'modem' })
  const heard = ear(back)
  await becomes(second, 'truck-7', 'where', 'delivered')
  await back.publishAsync(`${TOPIC}/where/result`, '{"ok":true,"result":{"lat":41.15,"lng":-8.61}}', { qos: 1 })
  const { result } = await becomes(second, 'truck-7', 'where', 'executed')
  assert.deepEqual(result, { lat: 41.15, lng: -8.61 })
  await until('the result, passed on', () => seen.find(([topic]) => topic === `${TOPIC}/where/result`))

  // While it is connected it goes out at once, and a result says no as well.
  await ask(second, 'truck-7', { id: 'beep', name: 'beep', args: { times: 3 } })
  await until('the second command', () => (heard.length === 2 ? true : undefined))
  assert.deepEqual(
    heard.map(([topic, { name }]) => `${topic.slice(TOPIC.length + 1)} ${name}`),
    ['where locate', 'beep beep'],
  )
  await back.publishAsync(`${TOPIC}/beep/result`, '{"ok":false,"error":"no horn"}', { qos: 1 })
  assert.equal((await becomes(second, 'truck-7', 'beep', 'failed')).error, 'no horn')
})

/** A tracker's socket, which collects what it is sent. */
async function tracker(t: TestContext, port: number): Promise<{ socket: Socket; received(): Buffer }> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  return { socket, received: () => received }
}

const IMEI = '864717003283581'
const LOGIN = Buffer.from('78780d01086471700328358100093f040d0a', 'hex')

/** A GT06 position of now. */
function gt06Position(serial: number, kilometersPerHour: number): Buffer {
  const at = new Date()
  const date = [at.getUTCFullYear() - 2_000, at.getUTCMonth() + 1, at.getUTCDate()]
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
  const fix = Buffer.alloc(12)
  fix[0] = 0xc8
  fix.writeUInt32BE(41.15 * 1_800_000, 1)
  fix.writeUInt32BE(8.61 * 1_800_000, 5)
  fix[9] = kilometersPerHour
  fix.writeUInt16BE(0x1000 | 0x0400 | 0x0800 | 90, 10)
  const cell = Buffer.from('01cc00287d001fb8', 'hex')
  return buildFrame(0x12, Buffer.concat([Buffer.from([...date, ...time]), fix, cell]), serial)
}

const TELTONIKA_IMEI = '356307042441013'
function codec12(words: string, type: 5 | 6): Buffer {
  const data = Buffer.concat([
    Buffer.from([0x0c, 1, type, 0, 0, 0, words.length]),
    Buffer.from(words, 'latin1'),
    Buffer.from([1]),
  ])
  const packet = Buffer.concat([Buffer.alloc(8), data, Buffer.alloc(4)])
  packet.writeUInt32BE(data.length, 4)
  packet.writeUInt32BE(crc16Arc(data), 8 + data.length)
  return packet
}

test('trackers get commands in their own protocol: a GT06 is stopped once it stands, a Teltonika answers in words', async t => {
  const platform = await startTestPlatform(t, { environment: { TRACKWIRE_TRACKERS: 'gt06:0,teltonika:0' } })
  const printed = [...platform.output().matchAll(/(gt06|teltonika):\/\/127\.0\.0\.1:(\d+)/g)]
  const ports = new Map(printed.map(([, name, port]) => [name!, Number(port)]))
  for (const id of [IMEI, TELTONIKA_IMEI]) await register(platform, id)

  await ask(platform, IMEI, { id: 'stop', name: 'immobilise' })
  const confirm = (who: Who) =>
    platform.request(`/api/v1/devices/${IMEI}/commands/stop/confirm`, { ...who, method: 'POST' })
  assert.equal((await confirm(ANN)).status, 403)
  assert.equal((await confirm(BEN)).status, 200)
  const gt06 = await tracker(t, ports.get('gt06')!)
  gt06.socket.write(Buffer.concat([LOGIN, gt06Position(2, 50)]))
  await until('held', async () => {
    const { waitsFor } = await commandOf(platform, IMEI, 'stop')
    return waitsFor?.code === 'moving' ? true : undefined
  })
  assert.ok(!gt06.received().includes('RELAY'))
  // A second later: of two fixes of one second the first counts.
  await new Promise(resolve => setTimeout(resolve, 1_100))
  gt06.socket.write(gt06Position(3, 0))
  await until('the relay', () => (gt06.received().includes('RELAY,1#') ? true : undefined))
  const asked = gt06
    .received()
    .subarray(gt06.received().lastIndexOf('RELAY,1#') - 4)
    .subarray(0, 4)
  const words = Buffer.from('Cut off the fuel supply: Success! Speed:0 km/h')
  gt06.socket.write(buildFrame(0x21, Buffer.concat([asked, Buffer.from([1]), words]), 4))
  const stopped = await becomes(platform, IMEI, 'stop', 'executed')
  assert.deepEqual([stopped.transport, stopped.result], ['gt06', words.toString()])

  await ask(platform, TELTONIKA_IMEI, { id: 'where', name: 'locate' })
  await ask(platform, TELTONIKA_IMEI, { id: 'version', name: 'raw', args: { text: 'getver' } })
  const teltonika = await tracker(t, ports.get('teltonika')!)
  teltonika.socket.write(Buffer.from(`000f${Buffer.from(TELTONIKA_IMEI).toString('hex')}`, 'hex'))
  const expected = Buffer.concat([Buffer.from([1]), codec12('getgps', 5)])
  await until('the question', () => (teltonika.received().length >= expected.length ? true : undefined))
  assert.equal(teltonika.received().toString('hex'), expected.toString('hex'), 'the raw one waits for another person')
  teltonika.socket.write(codec12('GPS:1 Sat:7 Lat:54.71 Long:25.30', 6))
  assert.match(String((await becomes(platform, TELTONIKA_IMEI, 'where', 'executed')).result), /Lat:54\.71/)
  const types = await platform.request(`/api/v1/devices/${TELTONIKA_IMEI}/commands/types`, ANN)
  const { transport, items } = (await types.json()) as { transport: string; items: { name: string }[] }
  assert.equal(transport, 'teltonika')
  assert.ok(items.some(({ name }) => name === 'output'))
})
