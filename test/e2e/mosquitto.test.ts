import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { SQUARE } from '../support/square-walk.ts'

const run = promisify(execFile)

async function hasMosquitto(t: TestContext): Promise<boolean> {
  try {
    await run('mosquitto_pub', ['--help']).catch(error => {
      if (error.code === 'ENOENT') throw error
    })
    return true
  } catch {
    t.skip('mosquitto_pub is not installed (apt install mosquitto-clients)')
    return false
  }
}

function address(platform: RunningPlatform): string[] {
  const { hostname, port } = new URL(platform.mqttUrl)
  return ['-h', hostname, '-p', port, '-u', 'any']
}

/** A mosquitto_sub that prints `topic payload` lines; resolves once it is subscribed. */
async function subscribe(t: TestContext, platform: RunningPlatform, token: string, ...filters: string[]) {
  const args = [...address(platform), '-P', token, '-q', '1', '-d', '-v', ...filters.flatMap(filter => ['-t', filter])]
  const child = spawn('mosquitto_sub', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill())
  const lines = createInterface({ input: child.stdout })
  const heard: string[] = []
  let listen = () => {}
  lines.on('line', line => {
    heard.push(line)
    listen()
  })
  const until = (what: string, predicate: (line: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`mosquitto_sub did not print ${what}; it printed:\n${heard.join('\n')}`)),
        15_000,
      )
      listen = () => {
        const found = heard.find(predicate)
        if (found === undefined) return
        clearTimeout(late)
        resolve(found)
      }
      listen()
    })
  await until('SUBACK', line => line.includes('received SUBACK') || line.startsWith('Subscribed'))
  return until
}

test('mosquitto_pub and mosquitto_sub, following only the contract, see a fence crossed', async t => {
  if (!(await hasMosquitto(t))) return
  const platform = await startTestPlatform(t)
  await platform.request('/api/v1/fences', { role: 'admin', sub: 'boss', body: SQUARE })
  const desk = await platform.token({ role: 'dispatcher', sub: 'desk' })
  const until = await subscribe(
    t,
    platform,
    desk,
    'demo/notifications/#',
    'demo/devices/+/last',
    'demo/fences/+',
    'demo/sos/+',
  )
  assert.match(await until('the retained fence', line => line.startsWith('demo/fences/square ')), /"type":"Feature"/)

  const token = await platform.token({ role: 'device', sub: 'truck-7' })
  const publish = (topic: string, payload: object) =>
    run('mosquitto_pub', [...address(platform), '-P', token, '-q', '1', '-t', topic, '-m', JSON.stringify(payload)])
  const now = Date.now()
  await publish('demo/devices/truck-7/location', { timestamp: now - 2_000, location: { lat: 0.01, lng: 0.03 } })
  await publish('demo/devices/truck-7/location', { timestamp: now - 1_000, location: { lat: 0.01, lng: 0.01 } })
  const line = await until('the crossing', text => text.startsWith('demo/notifications/geofence/enter/truck-7 '))
  const event = JSON.parse(line.slice(line.indexOf('{')))
  assert.deepEqual(
    {
      event: event.event,
      deviceId: event.deviceId,
      fenceId: event.fenceId,
      fenceName: event.fenceName,
      timestamp: event.timestamp,
    },
    { event: 'enter', deviceId: 'truck-7', fenceId: 'square', fenceName: 'Square', timestamp: now - 1_000 },
  )
  await until(
    'the newest position',
    text => text.startsWith('demo/devices/truck-7/last ') && text.includes(`"timestamp":${now - 1_000}`),
  )

  await publish('demo/devices/truck-7/sos', { action: 'trigger', id: 'press-1', timestamp: now, message: 'help' })
  await until('the SOS', text => text.startsWith('demo/notifications/sos/triggered/truck-7 '))
  await until('the open alert', text => text.startsWith('demo/sos/truck-7 ') && text.includes('"message":"help"'))
})

test('mosquitto_sub with a wrong token is refused, and told so in its own words', async t => {
  if (!(await hasMosquitto(t))) return
  const platform = await startTestPlatform(t)
  const child = spawn('mosquitto_sub', [...address(platform), '-P', 'no.such.token', '-t', 'demo/#'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => child.kill())
  let said = ''
  child.stderr.on('data', data => {
    said += data
  })
  const [code] = (await once(child, 'exit')) as [number]
  assert.notEqual(code, 0)
  assert.match(said, /not authori[sz]ed|bad user name or password/i)
})
