import { deviceTimersSuite } from '../../suites/device-timers-suite.ts'
import { withPglite } from '../../support/databases.ts'

deviceTimersSuite('PGlite', withPglite)
