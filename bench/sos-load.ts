/** A thread that publishes fixes of many devices at a steady rate with QoS 1, until it is told to stop; see `sos.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import mqtt, { type MqttClient } from 'mqtt'
import { buildTopic } from '../contract/index.ts'
import { walkFix } from '../test/support/square-walk.ts'

export interface LoadOrder {
  readonly mqttUrl: string
  readonly devices: readonly { readonly id: string; readonly token: string }[]
  /** Fixes a second, all devices together. */
  readonly rate: number
}

/** Per second. */
export interface LoadReport {
  readonly acknowledged: number
  readonly refusedToSend: number
}

const TICK_MS = 10
/** A device with so many unanswered fixes sends no more: the load stays what was asked for and does not pile up. */
const IN_FLIGHT = 50

async function run({ mqttUrl, devices, rate }: LoadOrder): Promise<void> {
  const clients: MqttClient[] = []
  for (const { token } of devices) {
    clients.push(await mqtt.connectAsync(mqttUrl, { username: 'any', password: token, reconnectPeriod: 0 }))
  }
  const topics = devices.map(({ id }) => buildTopic('location', { org: 'demo', deviceId: id }))
  const open = devices.map(() => 0)
  const seconds = devices.map(() => 0)
  const startMs = Date.now() - 3_600_000
  let [acknowledged, refusedToSend, turn] = [0, 0, 0]

  function send(): void {
    const device = turn++ % devices.length
    if (open[device]! >= IN_FLIGHT) {
      refusedToSend += 1
      return
    }
    open[device]! += 1
    const fix = walkFix(seconds[device]!++, startMs)
    clients[device]!.publish(topics[device]!, JSON.stringify(fix), { qos: 1 }, error => {
      open[device]! -= 1
      if (!error) acknowledged += 1
    })
  }

  const begun = performance.now()
  let due = 0
  const timer = setInterval(() => {
    const until = ((performance.now() - begun) / 1_000) * rate
    for (; due < until; due++) send()
  }, TICK_MS)

  let measuredFrom = begun
  parentPort!.on('message', message => {
    if (message === 'measure') {
      ;[acknowledged, refusedToSend, measuredFrom] = [0, 0, performance.now()]
      return
    }
    clearInterval(timer)
    const elapsed = (performance.now() - measuredFrom) / 1_000
    for (const client of clients) client.end(true)
    parentPort!.postMessage({
      acknowledged: Math.round(acknowledged / elapsed),
      refusedToSend: Math.round(refusedToSend / elapsed),
    } satisfies LoadReport)
    parentPort!.close()
  })
  parentPort!.postMessage('running')
}

if (workerData !== null) await run(workerData as LoadOrder)
