import { gl200 } from './gl200/index.ts'
import { gps103 } from './gps103/index.ts'
import { gt06 } from './gt06/index.ts'
import { h02 } from './h02/index.ts'
import { jt808 } from './jt808/index.ts'
import { meitrack } from './meitrack/index.ts'
import { nmea } from './nmea/index.ts'
import type { Protocol } from './protocol.ts'
import { suntech } from './suntech/index.ts'
import { teltonika } from './teltonika/index.ts'
import { tk103 } from './tk103/index.ts'
import { wialon } from './wialon/index.ts'

/** Every protocol that a listener can be started for, by its name in `TRACKWIRE_TRACKERS`. */
export const PROTOCOLS: ReadonlyMap<string, Protocol<unknown>> = new Map(
  [gl200, gps103, gt06, h02, jt808, meitrack, nmea, suntech, teltonika, tk103, wialon].map(protocol => [
    protocol.name,
    protocol as Protocol<unknown>,
  ]),
)
