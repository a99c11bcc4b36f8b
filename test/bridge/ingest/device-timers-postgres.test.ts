import { deviceTimersSuite } from '../../suites/device-timers-suite.ts'
import { withPostgres } from '../../support/databases.ts'

deviceTimersSuite('PostgreSQL', withPostgres)
