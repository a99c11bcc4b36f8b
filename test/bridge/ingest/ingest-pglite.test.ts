import { ingestSuite } from '../../suites/ingest-suite.ts'
import { withPglite } from '../../support/databases.ts'

ingestSuite('PGlite', withPglite)
