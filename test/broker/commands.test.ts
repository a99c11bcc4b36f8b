import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IClientOptions, MqttClient } from 'mqtt'
import type { CommandAddress } from '../../broker/command-lane.ts'
import { startTestBroker } from '../support/broker.ts'
import type { Who } from '../support/who.ts'

const TRUCK: Who = { role: 'device', sub: 'truck-7' }
const DEVICE = { org: 'demo', deviceId: 'truck-7' }
const TOPIC = 'demo/devices/truck-7/commands'
const inAnHour = () => JSON.stringify({ name: 'locate', args: {}, expiresAt: Date.now() + 3_600_000 })
const KEPT: IClientOptions = { clean: false, clientId: 'modem' }

async function until(what: string, done: () => boolean): Promise<void> {
  const end = Date.now() + 20_000
  while (!done()) {
    assert.ok(Date.now() < end, `${what} did not come`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** Topics and flags of what a client gets, from before its session is resumed. */
function ear(client: MqttClient): string[] {
  const heard: string[] = []
  client.on('message', (topic, _payload, { qos, dup }) =>
    heard.push(`${topic.split('/').at(-1)} ${qos}${dup ? ' dup' : ''}`),
  )
  return heard
}

async function start(t: Parameters<typeof startTestBroker>[0]) {
  const acknowledged: string[] = []
  const awaited: string[] = []
  const started = await startTestBroker(t)
  const handlers = started.work.handlers()
  const test = await started.restart({
    handlers: {
      ...handlers,
      commandDelivered: ({ commandId }: CommandAddress) => void acknowledged.push(commandId),
      commandsAwaited: ({ deviceId }) => void awaited.push(deviceId),
    },
  })
  return { ...test, acknowledged, awaited, commands: test.broker.commands }
}

for (const clean of [true, false]) {
  test(`a command goes to the device that listens, and its PUBACK is told; clean session: ${clean}`, async t => {
    const { connect, commands, acknowledged, awaited } = await start(t)
    assert.equal(commands.linkOf(DEVICE), null)
    const truck = await connect(TRUCK, { clean, clientId: 'modem' })
    assert.equal(commands.linkOf(DEVICE), null, 'connected, and deaf')
    const heard = ear(truck)
    await truck.subscribeAsync(`${TOPIC}/+`, { qos: 1 })
    await until('listening', () => awaited.length === 1)
    assert.notEqual(commands.linkOf(DEVICE), null)
    const desk = await connect({ role: 'dispatcher', sub: 'desk' })
    const overheard = ear(desk)
    await desk.subscribeAsync('demo/devices/+/commands/+', { qos: 1 })
    await commands.send({ ...DEVICE, commandId: 'c1', payload: inAnHour() })
    await until('acknowledged', () => acknowledged.length === 1)
    await until('overheard', () => overheard.length === 1)
    assert.deepEqual([heard, acknowledged], [['c1 1'], ['c1']], 'the PUBACK of the dispatcher is nobody’s business')
  })
}

test('a subscription with QoS 0 gets commands, and nobody knows whether they arrived', async t => {
  const { connect, commands, acknowledged } = await start(t)
  const truck = await connect(TRUCK)
  const heard = ear(truck)
  await truck.subscribeAsync(`${TOPIC}/+`, { qos: 0 })
  await until('a link', () => commands.linkOf(DEVICE) !== null)
  await commands.send({ ...DEVICE, commandId: 'c1', payload: inAnHour() })
  await until('the command', () => heard.length === 1)
  await truck.publishAsync(`demo/devices/truck-7/status`, '{"state":"online"}', { qos: 1 })
  assert.deepEqual([heard, acknowledged], [['c1 0'], []])
})

test('a command of the platform waits in no stored session, acknowledged or not', async t => {
  const { connect, commands, acknowledged } = await start(t)
  const truck = await connect(TRUCK, KEPT)
  const heard = ear(truck)
  // Never called back: no PUBACK.
  truck.handleMessage = () => {}
  await truck.subscribeAsync(`${TOPIC}/+`, { qos: 1 })
  await until('a link', () => commands.linkOf(DEVICE) !== null)
  await commands.send({ ...DEVICE, commandId: 'unacknowledged', payload: inAnHour() })
  await until('the command', () => heard.length === 1)
  truck.end(true)
  await until('no link', () => commands.linkOf(DEVICE) === null)
  await commands.send({ ...DEVICE, commandId: 'missed', payload: inAnHour() })
  const again = await connect(TRUCK, KEPT)
  const heardAgain = ear(again)
  await until('a link by the session alone', () => commands.linkOf(DEVICE) !== null)
  await commands.send({ ...DEVICE, commandId: 'now', payload: inAnHour() })
  await until('the next one', () => acknowledged.length === 1)
  assert.deepEqual([heardAgain, acknowledged], [['now 1'], ['now']])
})

test('what the platform tells a device beside, as of its SOS, comes out of its session until it expires', async t => {
  const { connect, broker } = await start(t)
  const truck = await connect(TRUCK, KEPT)
  await truck.subscribeAsync(`${TOPIC}/+`, { qos: 1 })
  await truck.endAsync()
  const tell = (commandId: string, expiresAt: number) =>
    broker.publish({
      topic: `${TOPIC}/${commandId}`,
      payload: JSON.stringify({ name: 'sos-received', args: {}, expiresAt }),
      qos: 1,
      retain: false,
    })
  const over = Date.now() + 200
  await tell('over', over)
  await tell('good', Date.now() + 3_600_000)
  await until('the end of the first', () => Date.now() > over)
  const again = await connect(TRUCK, KEPT)
  const heard = ear(again)
  await until('the second', () => heard.length > 0)
  assert.deepEqual(heard, ['good 1'])
})

test('drivers and dispatchers that read along are no device', async t => {
  const { connect, commands } = await start(t)
  for (const who of [
    { role: 'driver', sub: 'dan', devices: ['truck-7'] },
    { role: 'dispatcher', sub: 'desk' },
  ] as const) {
    const client = await connect({ ...who, ...('devices' in who ? { devices: [...who.devices] } : {}) } as Who)
    await client.subscribeAsync(`${TOPIC}/+`, { qos: 1 })
  }
  assert.equal(commands.linkOf(DEVICE), null)
})
