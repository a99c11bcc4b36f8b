import { Counter, Gauge, type Registry } from 'prom-client'

export type BridgeMetrics = ReturnType<typeof createBridgeMetrics>

/** What bridges count. Their names are few: the configuration has them. */
export function createBridgeMetrics(
  registry: Registry,
  state: () => readonly { readonly bridge: string; readonly connected: boolean; readonly backlog: number }[],
) {
  const registers = [registry]
  new Gauge({
    name: 'trackwire_bridge_connected',
    help: '1 while the bridge is connected to the other broker',
    labelNames: ['bridge'],
    registers,
    collect() {
      for (const { bridge, connected } of state()) this.set({ bridge }, connected ? 1 : 0)
    },
  })
  new Gauge({
    name: 'trackwire_bridge_backlog_messages',
    help: 'Messages that are kept until the other broker has them',
    labelNames: ['bridge'],
    registers,
    collect() {
      for (const { bridge, backlog } of state()) this.set({ bridge }, backlog)
    },
  })
  return {
    sent: new Counter({
      name: 'trackwire_bridge_sent_total',
      help: 'Messages that the other broker has taken',
      labelNames: ['bridge'],
      registers,
    }),
    received: new Counter({
      name: 'trackwire_bridge_received_total',
      help: 'Messages that came from the other broker, refused ones too',
      labelNames: ['bridge'],
      registers,
    }),
    refused: new Counter({
      name: 'trackwire_bridge_refused_total',
      help: 'Messages that were refused for good: by us (in), by error code, or by the other broker (out), by reason code',
      labelNames: ['bridge', 'direction', 'code'],
      registers,
    }),
    dropped: new Counter({
      name: 'trackwire_bridge_dropped_total',
      help: 'Messages given up: more waited than may (position, other), or not kept since their QoS is 0 (unkept)',
      labelNames: ['bridge', 'kind'],
      registers,
    }),
  }
}
