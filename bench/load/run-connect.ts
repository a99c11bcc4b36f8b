import { connect } from '../../test/support/mqtt-bytes.ts'
import type { RunningBroker } from './brokers.ts'
import { figuresOf } from './process-figures.ts'
import { openRawConnection, type RawConnection } from './raw-connection.ts'
import { answer, type Figures } from './run-traffic.ts'
import type { ConnectScenario } from './scenarios.ts'

const CONNACK = 2
const SETTLE_MS = 4_000
/** The memory of a broker that was never used grows with its first connections, whatever they are. */
const FIRST = 200

/** Opens connections as fast as they are answered, so many at a time, and looks at what they cost while they are idle. */
export async function runConnect(scenario: ConnectScenario, broker: RunningBroker): Promise<Figures> {
  const opened: RawConnection[] = []
  const total = FIRST + scenario.connections
  const passwords = await Promise.all(Array.from({ length: total }, (_, i) => broker.password('device', `idle-${i}`)))
  let next = 0
  const open = async (until: number) => {
    while (next < until) {
      const i = next++
      const connection = await openRawConnection(broker.port, 'tcp', `127.0.0.${2 + (i % 8)}`)
      opened.push(connection)
      await answer(connection, CONNACK, connect({ clientId: `idle-${i}`, password: passwords[i]!, keepAlive: 0 }))
    }
  }
  const openAll = (until: number) => Promise.all(Array.from({ length: scenario.atOnce }, () => open(until)))
  const cutAll = () => {
    for (const { socket } of opened.splice(0)) socket.destroy()
    next = 0
  }
  try {
    if (scenario.again) {
      await openAll(total)
      cutAll()
      await settled()
    }
    await openAll(FIRST)
    await settled()
    const before = { atMs: performance.now(), ...figuresOf(broker.pid) }
    await openAll(total)
    const after = { atMs: performance.now(), ...figuresOf(broker.pid) }
    await settled()
    const idle = figuresOf(broker.pid)
    return {
      'out/s': (scenario.connections / (after.atMs - before.atMs)) * 1_000,
      'CPU µs/msg': (after.cpuMicros - before.cpuMicros) / scenario.connections,
      'kB/connection': (idle.residentKb - before.residentKb) / scenario.connections,
      'stuck publishers': 0,
      'closed connections': opened.filter(({ isClosed }) => isClosed).length,
      'resident MB': idle.residentKb / 1_024,
    }
  } finally {
    cutAll()
  }
}

function settled(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, SETTLE_MS))
}
