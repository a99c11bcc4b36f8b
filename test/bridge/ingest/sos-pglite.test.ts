import { sosSuite } from '../../suites/sos-suite.ts'
import { withPglite } from '../../support/databases.ts'

sosSuite('PGlite', withPglite)
