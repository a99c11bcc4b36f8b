import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { buildFrame } from '../../bridge/trackers/gt06/frames.ts'
import type { DeviceEvent, DeviceStatus, Incident, SosEvent } from '../../contract/index.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { Ear } from '../support/wire.ts'

const ADMIN = { role: 'admin', sub: 'admin' } as const
const IMEI = '864717003283581'
/** A real GT06 login of that IMEI. */
const LOGIN = Buffer.from('78780d01086471700328358100093f040d0a', 'hex')

async function startWithTrackers(
  t: TestContext,
  dataDirectory?: string,
): Promise<RunningPlatform & { ports: Map<string, number> }> {
  const platform = await startTestPlatform(t, {
    environment: { TRACKWIRE_TRACKERS: 'gt06:0,h02:0,teltonika:0' },
    ...(dataDirectory === undefined ? {} : { dataDirectory }),
  })
  const found = [...platform.output().matchAll(/(gt06|h02|teltonika):\/\/127\.0\.0\.1:(\d+)/g)]
  return { ...platform, ports: new Map(found.map(([, name, port]) => [name!, Number(port)])) }
}

async function register(platform: RunningPlatform, id: string): Promise<void> {
  const answer = await platform.request('/api/v1/devices', { ...ADMIN, method: 'POST', body: { id } })
  assert.equal(answer.status, 201)
}

/** A tracker's socket, which collects what it is answered. */
async function tracker(
  t: TestContext,
  port: number,
): Promise<{ socket: Socket; answered(bytes: number): Promise<Buffer> }> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    socket.emit('answer')
  })
  return {
    socket,
    async answered(bytes) {
      while (received.length < bytes) await once(socket, 'answer', { signal: AbortSignal.timeout(20_000) })
      return received
    },
  }
}

/** A GT06 position, or with a type and status an alarm, at a moment. */
function gt06Position(at: Date, serial: number, alarm?: number): Buffer {
  const date = [
    at.getUTCFullYear() - 2_000,
    at.getUTCMonth() + 1,
    at.getUTCDate(),
    at.getUTCHours(),
    at.getUTCMinutes(),
    at.getUTCSeconds(),
  ]
  const fix = Buffer.alloc(12)
  fix[0] = 0xc8
  fix.writeUInt32BE(41.15 * 1_800_000, 1)
  fix.writeUInt32BE(8.61 * 1_800_000, 5)
  fix[9] = 36
  fix.writeUInt16BE(0x1000 | 0x0400 | 0x0800 | 90, 10)
  const cell = Buffer.from(alarm === undefined ? '01cc00287d001fb8' : '0901cc00287d001fb8', 'hex')
  const status = alarm === undefined ? Buffer.alloc(0) : Buffer.from([0x42, 6, 4, alarm, 1])
  return buildFrame(alarm === undefined ? 0x12 : 0x16, Buffer.concat([Buffer.from(date), fix, cell, status]), serial)
}

async function historyOf(
  platform: RunningPlatform,
  id: string,
): Promise<{ timestamp: number; location: { lat: number; lng: number; speed?: number } }[]> {
  const answer = await platform.request(`/api/v1/devices/${id}/history?limit=1000`, ADMIN)
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { items: never[] }).items
}

async function inboxHas(platform: RunningPlatform, id: string): Promise<void> {
  const end = Date.now() + 20_000
  for (;;) {
    const { items } = (await (await platform.request('/api/v1/devices/inbox', ADMIN)).json()) as {
      items: { id: string }[]
    }
    if (items.some(item => item.id === id)) return
    assert.ok(Date.now() < end, 'it is not in the inbox')
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

const secondsAgo = (seconds: number) => new Date(Math.floor(Date.now() / 1_000) * 1_000 - seconds * 1_000)

test('a GT06 tracker logs in, is acknowledged once its fixes are stored, and its button opens an SOS, also across kill -9', async t => {
  const platform = await startWithTrackers(t)
  await register(platform, IMEI)
  const desk = await platform.connect({ role: 'dispatcher', sub: 'desk' })
  await desk.subscribeAsync(['demo/devices/+/location', 'demo/devices/+/status', 'demo/notifications/sos/+/+'], {
    qos: 1,
  })
  const heard: [string, string][] = []
  desk.on('message', (topic, payload) => heard.push([topic, payload.toString()]))
  const until = async (what: string, done: () => boolean) => {
    const end = Date.now() + 20_000
    while (!done()) {
      assert.ok(Date.now() < end, `${what} did not come; heard ${heard.map(([topic]) => topic).join(', ')}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  const device = await tracker(t, platform.ports.get('gt06')!)
  device.socket.write(LOGIN)
  assert.equal((await device.answered(10)).subarray(0, 5).toString('hex'), '7878050100')
  // Two positions in pieces that are no frames.
  const bytes = Buffer.concat([gt06Position(secondsAgo(20), 2), gt06Position(secondsAgo(10), 3)])
  for (let at = 0; at < bytes.length; at += 7) device.socket.write(bytes.subarray(at, at + 7))
  await device.answered(30)
  const stored = await historyOf(platform, IMEI)
  assert.equal(stored.length, 2)
  assert.equal(stored[1]!.location.speed, 10)
  assert.ok(Math.abs(stored[1]!.location.lat - 41.15) < 1e-6 && Math.abs(stored[1]!.location.lng + 8.61) < 1e-6)
  await until('a position over MQTT', () => heard.some(([topic]) => topic === `demo/devices/${IMEI}/location`))
  await until('online', () =>
    heard.some(([topic, text]) => topic === `demo/devices/${IMEI}/status` && text.includes('gt06/tcp')),
  )

  device.socket.write(gt06Position(secondsAgo(5), 4, 1))
  await device.answered(40)
  await until('triggered', () => heard.some(([topic]) => topic === `demo/notifications/sos/triggered/${IMEI}`))

  await platform.stop('SIGKILL')
  const again = await startWithTrackers(t, platform.dataDirectory)
  assert.equal((await historyOf(again, IMEI)).length, 3)
})

test('a tracker that nobody registered waits in the inbox with what it sent, and a repeat of what was stored is one fix', async t => {
  const platform = await startWithTrackers(t)
  const port = platform.ports.get('gt06')!
  const stranger = await tracker(t, port)
  stranger.socket.write(Buffer.concat([LOGIN, gt06Position(secondsAgo(30), 2)]))
  await inboxHas(platform, IMEI)
  stranger.socket.destroy()
  await register(platform, IMEI)
  const known = await tracker(t, port)
  const frame = gt06Position(secondsAgo(20), 2)
  known.socket.write(Buffer.concat([LOGIN, frame, frame]))
  await known.answered(30)
  // What it sent before it was registered is not lost either.
  assert.equal((await historyOf(platform, IMEI)).length, 2)
})

test('H02 over UDP, Teltonika over TCP with the number of records as the answer', async t => {
  const platform = await startWithTrackers(t)
  await register(platform, '9001000002')
  const udp = createSocket('udp4')
  t.after(() => {
    udp.close()
  })
  const at = secondsAgo(15).toISOString()
  const [date, time] = [at.slice(8, 10) + at.slice(5, 7) + at.slice(2, 4), at.slice(11, 19).replaceAll(':', '')]
  udp.send(
    `*HQ,9001000002,V1,${time},A,4109.0000,N,00836.6000,W,10.00,090,${date},FFFFFFFF#`,
    platform.ports.get('h02')!,
    '127.0.0.1',
  )
  const [answer] = (await once(udp, 'message', { signal: AbortSignal.timeout(20_000) })) as [Buffer]
  assert.equal(answer.toString(), '*HQ,9001000002,V4,V1#')
  const [fix] = await historyOf(platform, '9001000002')
  assert.ok(Math.abs(fix!.location.lat - 41.15) < 1e-6)

  await register(platform, '356307042441013')
  const device = await tracker(t, platform.ports.get('teltonika')!)
  device.socket.write(Buffer.from('000f333536333037303432343431303133', 'hex'))
  await device.answered(1)
  // The example of the maker's document, codec 8, of 2019.
  const example =
    '000000000000003608010000016b40d8ea30010000000000000000000000000000000105021503010101425e0f01f10000601a014e0000000000000000010000c7cf'
  device.socket.write(Buffer.from(example, 'hex'))
  assert.equal((await device.answered(5)).toString('hex'), '0100000001')
})

test('rubbish on a tracker port ends that connection alone', async t => {
  const platform = await startWithTrackers(t)
  await register(platform, IMEI)
  const port = platform.ports.get('gt06')!
  const rude = await tracker(t, port)
  const closed = once(rude.socket, 'close', { signal: AbortSignal.timeout(20_000) })
  rude.socket.on('error', () => {})
  rude.socket.write(Buffer.alloc(50_000, 0x47))
  await closed
  const polite = await tracker(t, port)
  polite.socket.write(LOGIN)
  await polite.answered(10)
  assert.equal((await platform.request('/health', ADMIN)).status, 200)
})

test('alarms of the devices themselves are alerts, without a fix too, and what a heartbeat says is in the status', async t => {
  const platform = await startWithTrackers(t)
  await register(platform, IMEI)
  await register(platform, '9001000002')
  const desk = await platform.connect({ role: 'dispatcher', sub: 'desk' })
  const ear = new Ear(desk)
  await desk.subscribeAsync(['demo/notifications/#', 'demo/devices/+/status', 'demo/incidents/+'], { qos: 1 })

  const device = await tracker(t, platform.ports.get('gt06')!)
  const [before, cut] = [gt06Position(secondsAgo(20), 2), gt06Position(secondsAgo(20), 3, 2)]
  // The alarm has the time of the position before it; its repeat, after an answer was lost, changes nothing.
  device.socket.write(Buffer.concat([LOGIN, before, cut, cut]))
  await device.answered(40)
  const { payload: alert } = await ear.hear<DeviceEvent>(
    'the power cut',
    ({ topic }) => topic === `demo/notifications/device/power-cut/${IMEI}`,
  )
  assert.deepEqual([alert.phase, alert.source, alert.location?.speed], ['begin', 'device', 10])
  const { payload: incident } = await ear.hear<Incident>('the incident', ({ topic }) =>
    topic.startsWith('demo/incidents/'),
  )
  assert.deepEqual([incident.kind, incident.source, incident.count], ['power-cut', 'device', 1])

  // A heartbeat: on the charger again. It ends the alert, and is in the status.
  device.socket.write(buildFrame(0x13, Buffer.from([0x46, 3, 4, 0, 1]), 4))
  await device.answered(50)
  await ear.hear<DeviceEvent>(
    'its end',
    ({ topic, payload }) => topic.includes('/power-cut/') && (payload as DeviceEvent).phase === 'end',
  )
  const { payload: status } = await ear.hear<DeviceStatus>(
    'the status',
    ({ topic, payload }) =>
      topic === `demo/devices/${IMEI}/status` && (payload as DeviceStatus).attributes !== undefined,
  )
  assert.deepEqual([status.battery, status.attributes!.ignition, status.attributes!.charging], [50, true, true])

  // Cells alone, in a garage: the status bits say SOS.
  const udp = createSocket('udp4')
  t.after(() => {
    udp.close()
  })
  const at = secondsAgo(5).toISOString()
  const [date, time] = [at.slice(8, 10) + at.slice(5, 7) + at.slice(2, 4), at.slice(11, 19).replaceAll(':', '')]
  udp.send(
    `*HQ,9001000002,NBR,${time},268,3,0,1,1000,2000,30,${date},FFFFFFFD#`,
    platform.ports.get('h02')!,
    '127.0.0.1',
  )
  const { payload: sos } = await ear.hear<SosEvent>(
    'the SOS',
    ({ topic }) => topic === 'demo/notifications/sos/triggered/9001000002',
  )
  assert.equal(sos.location, undefined)
})

test('a number is pinned to the protocol it first came with, until an administrator lets go', async t => {
  const platform = await startWithTrackers(t)
  await register(platform, IMEI)
  const desk = await platform.connect({ role: 'dispatcher', sub: 'desk' })
  const ear = new Ear(desk)
  await desk.subscribeAsync('demo/notifications/#', { qos: 1 })
  const owner = await tracker(t, platform.ports.get('gt06')!)
  owner.socket.write(LOGIN)
  await owner.answered(10)
  const pin = await platform.request(`/api/v1/devices/${IMEI}/tracker`, ADMIN)
  assert.equal(((await pin.json()) as { protocol: string }).protocol, 'gt06')

  const stranger = () => tracker(t, platform.ports.get('teltonika')!)
  const login = Buffer.concat([Buffer.from([0, IMEI.length]), Buffer.from(IMEI)])
  const first = await stranger()
  const closed = once(first.socket, 'close', { signal: AbortSignal.timeout(20_000) })
  first.socket.write(login)
  await closed
  await ear.hear('the clash', ({ topic }) => topic === `demo/notifications/device/identity-clash/${IMEI}`)

  const released = await platform.request(`/api/v1/devices/${IMEI}/tracker`, { ...ADMIN, method: 'DELETE' })
  assert.equal(released.status, 204)
  const second = await stranger()
  second.socket.write(login)
  assert.equal((await second.answered(1)).toString('hex'), '01')
})
