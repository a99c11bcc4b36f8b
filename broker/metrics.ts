import { Counter, Gauge, type Registry } from 'prom-client'
import type { ChannelName } from '../contract/index.ts'
import type { Connections } from './connections.ts'
import type { Intake } from './delivery/intake.ts'

export type BrokerMetrics = ReturnType<typeof brokerMetrics>

/** What the broker counts. No ids in labels: their number has no bound. */
export function brokerMetrics(registry: Registry, connections: Connections, intake: Intake) {
  gaugesOfIntake(registry, intake)
  gaugesOfSlowConsumers(registry, connections)
  new Gauge({
    name: 'trackwire_mqtt_connections',
    help: 'Admitted MQTT connections',
    labelNames: ['transport'],
    registers: [registry],
    collect() {
      this.reset()
      for (const transport of ['tcp', 'tls', 'websocket']) this.set({ transport }, 0)
      for (const { transport } of connections.all()) this.inc({ transport })
    },
  })
  return {
    received: countReceived(registry),
    refused: new Counter({
      name: 'trackwire_mqtt_refused_total',
      help: 'Refused publishes and subscriptions, by error code',
      labelNames: ['code'],
      registers: [registry],
    }),
    ended: new Counter({
      name: 'trackwire_mqtt_connections_ended_total',
      help: 'Connections that the platform ended, by the code that their principals were told',
      labelNames: ['code'],
      registers: [registry],
    }),
    connectRefused: new Counter({
      name: 'trackwire_mqtt_connects_refused_total',
      help: 'Refused CONNECT packets, by reason',
      labelNames: ['reason'],
      registers: [registry],
    }),
    protocolErrors: new Counter({
      name: 'trackwire_mqtt_protocol_errors_total',
      help: 'Connections closed because of bytes that MQTT does not allow, by reason',
      labelNames: ['reason'],
      registers: [registry],
    }),
    slowConsumers: new Counter({
      name: 'trackwire_mqtt_slow_consumer_total',
      help: 'Messages dropped (QoS 0, and positions that a newer one replaced) and connections closed because the consumer did not keep up',
      labelNames: ['lane'],
      registers: [registry],
    }),
  }
}

function gaugesOfIntake(registry: Registry, intake: Intake): void {
  gauge(registry, 'trackwire_mqtt_unanswered_messages', 'Publishes that wait for their answer', () => intake.messages)
  gauge(registry, 'trackwire_mqtt_unanswered_bytes', 'What they take in memory', () => intake.bytes)
  gauge(
    registry,
    'trackwire_mqtt_connections_held',
    'Connections that are not read for now because their principal has more than its share of these bytes',
    () => intake.held,
  )
  gauge(
    registry,
    'trackwire_mqtt_overload',
    '1 while connections are held, or more than half of the bytes are taken',
    () => (intake.isOverloaded ? 1 : 0),
  )
}

/** Looked up when somebody asks: counting would cost every message. */
function gaugesOfSlowConsumers(registry: Registry, connections: Connections): void {
  const behind = () => [...connections.all()].filter(({ outgoing }) => outgoing.waitingBytes > 0)
  gauge(
    registry,
    'trackwire_mqtt_slow_consumers',
    'Connections that are behind: something waits until they have read or acknowledged more',
    () => behind().length,
  )
  gauge(
    registry,
    'trackwire_mqtt_slow_consumer_bytes',
    'What waits for them, and what their sockets have not taken yet',
    () => behind().reduce((sum, { outgoing, client }) => sum + outgoing.waitingBytes + client.conn.writableLength, 0),
  )
}

function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value())
    },
  })
}

/** Counted for every message: a plain number each, which the counter takes over when somebody looks. */
function countReceived(registry: Registry): (channel: ChannelName) => void {
  const counts = new Map<ChannelName, number>()
  new Counter({
    name: 'trackwire_mqtt_messages_received_total',
    help: 'Messages that clients published, by channel',
    labelNames: ['channel'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [channel, count] of counts) this.inc({ channel }, count)
    },
  })
  return channel => void counts.set(channel, (counts.get(channel) ?? 0) + 1)
}
