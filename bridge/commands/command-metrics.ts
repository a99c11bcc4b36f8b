import { Counter, Gauge, type Registry } from 'prom-client'
import type { CommandState } from '../../contract/index.ts'

export type CommandMetrics = ReturnType<typeof commandMetrics>

const WAITING = ['awaiting-confirmation', 'queued', 'sent'] as const

/** @param count how many wait in each state, asked when the metrics are read */
export function commandMetrics(
  registry: Registry,
  count: () => Promise<readonly { readonly state: CommandState; readonly count: number }[]>,
) {
  new Gauge({
    name: 'trackwire_commands_waiting',
    help: 'Commands that the device is not known to have: waiting for a second person, for the device, for its acknowledgement',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counted = await count()
      for (const state of WAITING) this.set({ state }, counted.find(found => found.state === state)?.count ?? 0)
    },
  })
  return {
    entered: new Counter({
      name: 'trackwire_commands_total',
      help: 'Commands by the state that they entered',
      labelNames: ['state'],
      registers: [registry],
    }),
  }
}
