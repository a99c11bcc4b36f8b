import { gt06 } from './gt06/index.ts'
import type { Protocol } from './protocol.ts'
import { teltonika } from './teltonika/index.ts'

/** Every protocol that a listener can be started for, by its name in `TRACKWIRE_TRACKERS`. */
export const PROTOCOLS: ReadonlyMap<string, Protocol<unknown>> = new Map(
  [gt06, teltonika].map(protocol => [protocol.name, protocol as Protocol<unknown>]),
)
