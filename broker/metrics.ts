import { Counter, Gauge, type Registry } from 'prom-client'
import type { ChannelName } from '../contract/index.ts'
import type { Connections } from './connections.ts'

export type BrokerMetrics = ReturnType<typeof brokerMetrics>

/** What the broker counts. No ids in labels: their number has no bound. */
export function brokerMetrics(registry: Registry, connections: Connections) {
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
