import type { BrokerName } from './brokers.ts'
import type { Kind } from './messages.ts'
import type { Over } from './raw-connection.ts'

export interface TrafficScenario {
  readonly shape: 'fan-in' | 'fan-out' | 'pairs'
  readonly kind: Kind
  readonly qos: 0 | 1
  readonly publishers: number
  readonly subscribers: number
  /** Messages of one write. */
  readonly burst: number
  /** Messages of one publisher on their way: closed loop. */
  readonly window: number
  /** Messages a second, all publishers together; left out, as fast as the window lets them. */
  readonly rate?: number
  readonly over: Over
  /** So many of the subscribers never read. */
  readonly frozen?: number
  readonly warmUpSeconds?: number
  /** Nobody subscribes: what counts is the acknowledgement. */
  readonly onlyAcknowledged?: boolean
}
export interface ConnectScenario {
  readonly shape: 'connect'
  readonly connections: number
  readonly atOnce: number
  /** What counts is the second time, after all were cut. */
  readonly again?: boolean
}
export type Scenario = (TrafficScenario | ConnectScenario) & {
  /** Left out: all. */
  readonly brokers?: readonly BrokerName[]
}

const FAN_IN = { shape: 'fan-in', kind: 'status', qos: 0, publishers: 1_000, subscribers: 1, burst: 1 } as const
const FAN_OUT = { shape: 'fan-out', kind: 'location', qos: 0, publishers: 1, subscribers: 1_000, burst: 1 } as const
const PAIRS = {
  shape: 'pairs',
  kind: 'status',
  qos: 0,
  publishers: 500,
  subscribers: 500,
  burst: 1,
  window: 4,
} as const
const PACED = { ...FAN_OUT, window: 1_000, rate: 25, over: 'tcp' } as const
const STEADY = { shape: 'fan-in', kind: 'status', publishers: 200, subscribers: 1, burst: 1, window: 1_000 } as const
const INGEST = {
  shape: 'fan-in',
  kind: 'location',
  qos: 1,
  publishers: 1_000,
  subscribers: 0,
  burst: 1,
  over: 'tcp',
  onlyAcknowledged: true,
  brokers: ['trackwire'],
  // A thousand devices are registered, and a database in WebAssembly is compiled as it is used.
  warmUpSeconds: 10,
} as const

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  connect: { shape: 'connect', connections: 5_000, atOnce: 100 },
  reconnect: { shape: 'connect', connections: 5_000, atOnce: 100, again: true },
  'fan-in': { ...FAN_IN, window: 1, over: 'tcp' },
  'fan-in-bursts': { ...FAN_IN, burst: 8, window: 8, over: 'tcp' },
  'fan-in-qos1': { ...FAN_IN, qos: 1, window: 1, over: 'tcp' },
  'fan-in-location': { ...FAN_IN, kind: 'location', window: 1, over: 'tcp' },
  'fan-in-bursts-location': { ...FAN_IN, kind: 'location', burst: 8, window: 8, over: 'tcp' },
  'fan-out': { ...FAN_OUT, window: 16, over: 'tcp' },
  'fan-out-websocket': { ...FAN_OUT, window: 16, over: 'websocket' },
  'fan-out-paced': PACED,
  'fan-out-paced-websocket': { ...PACED, over: 'websocket' },
  // As many readers as in the one with 500 frozen, whom nobody slows down: the p99 to compare with.
  'fan-out-frozen-0': { ...PACED, rate: 100, subscribers: 500 },
  'fan-out-frozen-1': { ...PACED, rate: 100, frozen: 1 },
  'fan-out-frozen-500': { ...PACED, rate: 100, frozen: 500 },
  pairs: { ...PAIRS, over: 'tcp' },
  'pairs-location': { ...PAIRS, kind: 'location', over: 'tcp' },
  'pairs-qos1': { ...PAIRS, qos: 1, over: 'tcp' },
  'pairs-websocket': { ...PAIRS, over: 'websocket' },
  'pairs-qos1-websocket': { ...PAIRS, qos: 1, over: 'websocket' },
  latency: { ...STEADY, qos: 0, rate: 5_000, over: 'tcp' },
  'latency-location': { ...STEADY, kind: 'location', qos: 0, rate: 5_000, over: 'tcp' },
  'latency-qos1': { ...STEADY, qos: 1, rate: 5_000, over: 'tcp' },
  ingest: { ...INGEST, window: 4 },
  'ingest-paced': { ...INGEST, window: 64, rate: 5_000 },
  'ingest-paced-10000': { ...INGEST, window: 64, rate: 10_000 },
}
