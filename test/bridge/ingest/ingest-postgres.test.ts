import { ingestSuite } from '../../suites/ingest-suite.ts'
import { withPostgres } from '../../support/databases.ts'

ingestSuite('PostgreSQL', withPostgres)
